// Visibility of what libattune_sdk.so and plugins export.
#pragma once

#if defined(__GNUC__)
#define ATTUNE_SDK_API __attribute__((visibility("default")))
#else
#define ATTUNE_SDK_API
#endif
