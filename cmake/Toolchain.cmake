set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(netwatch_flags INTERFACE)
target_compile_options(netwatch_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
  -fstack-protector-strong -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports impossible overflows inside inlined std::string and std::vector code at -O2.
  target_compile_options(netwatch_flags INTERFACE
    -Wno-error=stringop-overflow -Wno-error=array-bounds -Wno-error=restrict -Wno-restrict
    -Wno-stringop-overflow -Wno-array-bounds)
endif()
target_include_directories(netwatch_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(netwatch_flags INTERFACE NETWATCH_VERSION="${PROJECT_VERSION}")
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(netwatch_flags INTERFACE _FORTIFY_SOURCE=2)
endif()

if(NETWATCH_SANITIZE)
  add_compile_options(-fsanitize=${NETWATCH_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${NETWATCH_SANITIZE})
endif()
if(NETWATCH_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
