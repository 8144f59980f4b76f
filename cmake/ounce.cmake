include(${CMAKE_CURRENT_LIST_DIR}/layers.cmake)

# ounce_library(<folder> SRCS <file>... [DEPS <target>...])
# Static library ounce::<folder>, linked to the folders layers.cmake allows it.
# DEPS are third-party libraries; they stay private to the folder.
function(ounce_library folder)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;DEPS")
  add_library(ounce_${folder} STATIC ${arg_SRCS})
  add_library(ounce::${folder} ALIAS ounce_${folder})
  target_include_directories(ounce_${folder} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_features(ounce_${folder} PUBLIC cxx_std_20)
  list(TRANSFORM OUNCE_USES_${folder} PREPEND ounce:: OUTPUT_VARIABLE uses)
  # A product has the bits of its contract, an artifact those of its recipe, on
  # every machine: the compiler must not make fused multiply-adds of its own.
  target_compile_options(ounce_${folder} PRIVATE -ffp-contract=off)
  target_link_libraries(ounce_${folder}
    PUBLIC ${uses} absl::statusor absl::span absl::strings absl::flat_hash_map
    PRIVATE ounce_warnings ${arg_DEPS})
  # The headers of Abseil that nearly every file needs, compiled once a folder.
  target_precompile_headers(ounce_${folder} PRIVATE
    <string> <vector> <absl/container/flat_hash_map.h>
    <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/types/span.h>)
endfunction()

# ounce_test(<folder>/<name>_test [LABELS <label>...] [DEPS <target>...])
# Builds tests/<folder>/<name>_test.cc against ounce::<folder>.  Its ctest label
# is the folder's name; LABELS adds more (`slow`: seconds to minutes).
function(ounce_test path)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPS;LABELS")
  get_filename_component(folder ${path} DIRECTORY)
  get_filename_component(name ${path} NAME)
  string(REGEX REPLACE "/.*" "" layer ${folder})
  string(REPLACE "/" "_" target ${path})
  add_executable(${target} ${PROJECT_SOURCE_DIR}/tests/${path}.cc)
  if(TARGET ounce_${layer})
    target_link_libraries(${target} PRIVATE ounce::${layer})
  endif()
  target_link_libraries(${target} PRIVATE ounce_test_util ounce_warnings
                                          GTest::gmock_main ${arg_DEPS})
  target_compile_options(${target} PRIVATE -O1)
  target_precompile_headers(${target} REUSE_FROM ounce_test_headers)
  # One label for all, as "compress-program-slow": ctest's -L and -LE search in
  # it, and gtest_discover_tests() loses all but the first of a list.
  list(JOIN arg_LABELS "-" labels)
  gtest_discover_tests(${target} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS "${layer}-${labels}" TIMEOUT 900)
endfunction()
