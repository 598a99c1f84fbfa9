// How a program ends what takes long.
#pragma once

namespace attune {

// Called on the thread that asks for maps, before each pass of a model; what it throws, best an Error, ends them.
using BeforeEachPass = void (*)();

// From now on, for all models; null: nothing is called. The function is called by several threads at once where several
// ask for maps.
void set_before_each_pass(BeforeEachPass call);

}  // namespace attune
