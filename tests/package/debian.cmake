# Makes the Debian packages and looks into them. That they install and work in a clean Debian is tried by hand; docs say
# how.
# The variables: steps.cmake; also CPACK, the program, and VERSION, attune's.

include(${CMAKE_CURRENT_LIST_DIR}/steps.cmake)
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
run("cpack" ${CPACK} --config ${BUILD}/CPackConfig.cmake -B ${WORK})
run("dpkg --print-architecture" dpkg --print-architecture)
string(STRIP "${output}" architecture)

# field(PACKAGE NAME): the control field is in `value`.
function(field package name)
  run("dpkg-deb --field" dpkg-deb --field ${WORK}/${package}_${VERSION}_${architecture}.deb ${name})
  string(STRIP "${output}" value)
  set(value "${value}" PARENT_SCOPE)
endfunction()

foreach(package attune attune-sdk)
  set(deb ${WORK}/${package}_${VERSION}_${architecture}.deb)
  field(${package} Version)
  expect("${value}" "^${VERSION}$")
  field(${package} Maintainer)
  expect("${value}" "^attune developers <[^>]+>$")
  run("unpacking ${package}" dpkg-deb --extract ${deb} ${WORK}/root)
  run("listing ${package}" dpkg-deb --contents ${deb})
  string(STRIP "${output}" output)
  string(REPLACE "\n" ";" output "${output}")
  foreach(line IN LISTS output)
    if(line MATCHES "^[^l].......w" OR NOT line MATCHES " root/root ")
      message(FATAL_ERROR "${package}: anyone may write to, or not root owns ${line}")
    endif()
  endforeach()
endforeach()

# What the program loads late, and plugins, have their libraries named too.
field(attune Depends)
foreach(library libtorch[0-9.]+ libopencv-imgcodecs[0-9.a-z]+ "libc6 [(]>= [0-9.]+[)]" libstdc)
  expect("${value}" "${library}")
endforeach()
field(attune Recommends)
expect("${value}" "libopenblas0-openmp")
expect("${value}" "fonts-dejavu-core")
field(attune-sdk Depends)
expect("${value}" "^attune [(]= ${VERSION}[)], libtorch-dev$")

# Both unpacked are an installation; the runtime alone is one without what only builds need.
run("attune --version" ${WORK}/root/usr/bin/attune --version)
expect("${output}" "^attune ${VERSION}\n$")
run("attune doctor" ${WORK}/root/usr/bin/attune doctor)
expect("${output}" "  gradcam ${VERSION}  ${WORK}/root/usr/lib/attune/plugins/attune-gradcam.so")
run("listing attune" dpkg-deb --contents ${WORK}/attune_${VERSION}_${architecture}.deb)
if(output MATCHES "[.]h\n|/cmake/|pkgconfig|template")
  message(FATAL_ERROR "attune holds what belongs into attune-sdk:\n${output}")
endif()
