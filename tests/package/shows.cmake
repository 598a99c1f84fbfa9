# cmake -DDOCUMENT=... -DCODE=... -P shows.cmake: the document has the file's text, whole, in a fenced block.
file(READ ${DOCUMENT} document)
file(READ ${CODE} code)
string(FIND "${document}" "\n```cpp\n${code}```\n" position)
if(position EQUAL -1)
  message(FATAL_ERROR "${DOCUMENT} does not show ${CODE} as it is now; copy the file into its ```cpp block")
endif()
