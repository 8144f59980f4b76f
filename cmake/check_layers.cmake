# Fails when a folder includes one that layers.cmake does not allow it to.
# Usage: cmake -DROOT=<source dir> -P check_layers.cmake
cmake_minimum_required(VERSION 3.25)
include(${CMAKE_CURRENT_LIST_DIR}/layers.cmake)
if(NOT IS_DIRECTORY "${ROOT}")
  message(FATAL_ERROR "ROOT is '${ROOT}'; expected the source folder")
endif()

# A message that starts with a space is printed as it is: others are wrapped
# at a column that the length of the path decides.
set(ours ${OUNCE_FOLDERS} tools tests bench)
set(violations 0)
foreach(folder IN LISTS OUNCE_FOLDERS)
  file(GLOB_RECURSE files "${ROOT}/${folder}/*.h" "${ROOT}/${folder}/*.cc")
  foreach(file IN LISTS files)
    file(STRINGS "${file}" lines REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"][a-z]+/")
    foreach(line IN LISTS lines)
      string(REGEX REPLACE "^[ \t]*#[ \t]*include[ \t]*[<\"]([a-z]+)/.*" "\\1" used
                           "${line}")
      if(used IN_LIST ours AND NOT used IN_LIST OUNCE_USES_${folder}
         AND NOT used STREQUAL folder)
        message(SEND_ERROR " ${file}: ${folder}/ may not include ${used}/")
        math(EXPR violations "${violations} + 1")
      endif()
    endforeach()
  endforeach()
endforeach()

# Third parties are fenced: each header below is seen by one place only.
set(fence_oneapi "kernels/onednn/")
set(fence_hwy "kernels/simd/")
set(fence_nlohmann "core/json\\.")
set(fence_CLI "tools/command_line\\.cc")
set(fence_flatbuffers "formats/artifact/")
foreach(folder IN LISTS OUNCE_FOLDERS ITEMS tools)
  file(GLOB_RECURSE files RELATIVE "${ROOT}" "${ROOT}/${folder}/*.h"
       "${ROOT}/${folder}/*.cc")
  foreach(file IN LISTS files)
    foreach(library oneapi hwy nlohmann CLI flatbuffers)
      if(NOT file MATCHES "^${fence_${library}}")
        file(STRINGS "${ROOT}/${file}" lines
             REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]${library}/")
        if(lines)
          message(SEND_ERROR " ${file}: only ${fence_${library}} may "
                             "include <${library}/...>")
        endif()
      endif()
    endforeach()
  endforeach()
endforeach()
