include(GoogleTest)

# netwatch_layer(NAME LIBS ... [EXCLUDE ...]): every source below src/NAME, found and not listed, but
# for the files that EXCLUDE names.
#   x.cpp       -> the static library netwatch::NAME
#   x_test.cpp  -> one test program NAME_test
#   x_fuzz.cpp  -> one fuzzer each (with NETWATCH_FUZZ)
#   x_bench.cpp -> one benchmark each (with NETWATCH_BENCH)
# The targets all_fuzz and all_bench build all of their kind.
function(netwatch_layer name)
  cmake_parse_arguments(ARG "" "" "LIBS;EXCLUDE" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  foreach(path ${ARG_EXCLUDE})
    list(REMOVE_ITEM sources ${dir}/${path})
  endforeach()
  set(lib_sources ${sources})
  list(FILTER lib_sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cpp$")
  if(lib_sources)
    add_library(netwatch_${name} STATIC ${lib_sources})
    target_link_libraries(netwatch_${name} PUBLIC netwatch_flags ${ARG_LIBS})
  else()
    add_library(netwatch_${name} INTERFACE)
    target_link_libraries(netwatch_${name} INTERFACE netwatch_flags ${ARG_LIBS})
  endif()
  add_library(netwatch::${name} ALIAS netwatch_${name})
  netwatch_layer_tests(${name} "${sources}")
  netwatch_layer_programs(${name} fuzz NETWATCH_FUZZ -fsanitize=fuzzer "${sources}")
  netwatch_layer_programs(${name} bench NETWATCH_BENCH benchmark::benchmark_main "${sources}")
endfunction()

function(netwatch_layer_tests name sources)
  set(test_sources ${sources})
  list(FILTER test_sources INCLUDE REGEX "_test\\.cpp$")
  if(NETWATCH_TESTS AND test_sources)
    add_executable(${name}_test ${test_sources})
    target_link_libraries(${name}_test PRIVATE netwatch::${name} GTest::gtest GTest::gmock
                          GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE
      NETWATCH_SOURCE_DIR="${CMAKE_SOURCE_DIR}" NETWATCH_BINARY_DIR="${CMAKE_BINARY_DIR}")
    # What is tested is optimised, the tests themselves are not: GoogleMock's templates take twice
    # as long to compile otherwise.
    target_compile_options(${name}_test PRIVATE $<$<CONFIG:Debug>:-O0>)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
                         PROPERTIES TIMEOUT 300)
  endif()
endfunction()

function(netwatch_layer_programs name kind option lib sources)
  set(program_sources ${sources})
  list(FILTER program_sources INCLUDE REGEX "_${kind}\\.cpp$")
  if(${option} AND program_sources)
    if(NOT TARGET all_${kind})
      add_custom_target(all_${kind})
    endif()
    foreach(source ${program_sources})
      get_filename_component(program ${source} NAME_WE)
      add_executable(${name}_${program} ${source})
      target_link_libraries(${name}_${program} PRIVATE netwatch::${name} ${lib})
      add_dependencies(all_${kind} ${name}_${program})
    endforeach()
  endif()
endfunction()

# netwatch_app(NAME LIBS ...): src/apps/NAME/*.cpp -> the program NAME
function(netwatch_app name)
  cmake_parse_arguments(ARG "" "" "LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/apps/${name}/*.cpp)
  if(NOT sources)
    message(WARNING "src/apps/${name} holds no source: the program ${name} is not built")
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE netwatch_flags ${ARG_LIBS})
  install(TARGETS ${name})
endfunction()
