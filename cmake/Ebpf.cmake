# The programs in the kernel: src/ebpf/programs/x.bpf.c -> x.bpf.o (clang) -> x.skel.h (bpftool),
# which holds the object, so that nothing is looked for when the program runs. They need no kernel
# headers and fit every kernel with BTF (CO-RE). Without the tools the layer builds all the same and
# says at run time that it was left out.
#
# NETWATCH_EBPF_LIBS: what the layer links. NETWATCH_EBPF_EXCLUDE: the source that is left out.
set(NETWATCH_EBPF_LIBS)
set(NETWATCH_EBPF_EXCLUDE tracker.cpp)
if(NOT NETWATCH_EBPF MATCHES "^(AUTO|OFF)$")
  message(FATAL_ERROR "NETWATCH_EBPF is '${NETWATCH_EBPF}': AUTO or OFF")
endif()
if(NETWATCH_EBPF STREQUAL "OFF")
  return()
endif()

# The oldest first: what ./dev installs to build, and so what is tested.
find_program(NETWATCH_BPF_CLANG NAMES clang-14 clang-15 clang-16 clang-17 clang-18 clang-19 clang)
find_program(NETWATCH_BPFTOOL bpftool PATHS /usr/sbin /sbin)
pkg_check_modules(libbpf IMPORTED_TARGET libbpf>=1.0)
if(NOT NETWATCH_BPF_CLANG OR NOT NETWATCH_BPFTOOL OR NOT libbpf_FOUND)
  message(STATUS "eBPF is left out: it needs clang, bpftool and libbpf-dev")
  return()
endif()

set(dir ${CMAKE_BINARY_DIR}/ebpf)
file(MAKE_DIRECTORY ${dir})
file(GLOB programs CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/ebpf/programs/*.bpf.c)
set(skeletons)
foreach(program ${programs})
  get_filename_component(name ${program} NAME_WE)
  add_custom_command(
    OUTPUT ${dir}/${name}.bpf.o
    COMMAND ${NETWATCH_BPF_CLANG} -g -O2 -mcpu=v3 -target bpf -Wall -Wextra -Werror
            -Wno-unused-parameter -I${CMAKE_SOURCE_DIR}/src -I${libbpf_INCLUDEDIR}
            -MD -MT ebpf/${name}.bpf.o -MF ${dir}/${name}.d -c ${program} -o ${dir}/${name}.bpf.o
    DEPENDS ${program} DEPFILE ${dir}/${name}.d VERBATIM)
  add_custom_command(
    OUTPUT ${dir}/${name}.skel.h
    COMMAND ${CMAKE_COMMAND} -E echo "// NOLINTBEGIN: made by bpftool" > ${dir}/${name}.skel.h
    COMMAND ${NETWATCH_BPFTOOL} gen skeleton ${dir}/${name}.bpf.o name ${name}_bpf
            >> ${dir}/${name}.skel.h
    COMMAND ${CMAKE_COMMAND} -E echo "// NOLINTEND" >> ${dir}/${name}.skel.h
    DEPENDS ${dir}/${name}.bpf.o VERBATIM)
  list(APPEND skeletons ${dir}/${name}.skel.h)
endforeach()
add_custom_target(netwatch_skeletons DEPENDS ${skeletons})
add_library(netwatch_skeleton_headers INTERFACE)
add_dependencies(netwatch_skeleton_headers netwatch_skeletons)
target_include_directories(netwatch_skeleton_headers SYSTEM INTERFACE ${dir})
set(NETWATCH_EBPF_LIBS netwatch_skeleton_headers PkgConfig::libbpf)
set(NETWATCH_EBPF_EXCLUDE tracker_absent.cpp)
