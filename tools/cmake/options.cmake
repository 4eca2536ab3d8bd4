# Flags every target shares. They travel on one interface target, glass_options.
add_library(glass_options INTERFACE)
target_include_directories(glass_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)

# Numbers must mean what the source says: no contraction behind the author's back, and never fast-math.
target_compile_options(glass_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -ffp-contract=off)
# g++ 12 sees overlapping copies inside std::string that are not there (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(glass_options INTERFACE -Wno-restrict)
endif()
# Embedded files are strings of any length (embed.cmake); g++ does not mind.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(glass_options INTERFACE -Wno-overlength-strings)
endif()
# Nobody here reads errno after a square root; promising so lets a loop of them run in vectors. The results are the same.
target_compile_options(glass_options INTERFACE -fno-math-errno)
if(GLASS_WERROR)
  target_compile_options(glass_options INTERFACE -Werror)
endif()

# `Where` remembers file names; a reader wants engine/ops/norm.cpp, not the path of somebody's build.
target_compile_options(glass_options INTERFACE -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)

# Bounds checks of the standard library stay on in every build but the one that is measured.
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_definitions(glass_options INTERFACE _GLIBCXX_ASSERTIONS)
  target_compile_options(glass_options INTERFACE -fno-omit-frame-pointer)
endif()

# Three spellings: address (with leaks), undefined (the first finding ends the program), thread.
if(GLASS_SANITIZE)
  set(GLASS_SANITIZE_FLAGS -fsanitize=${GLASS_SANITIZE} -fno-sanitize-recover=all)
  target_compile_options(glass_options INTERFACE ${GLASS_SANITIZE_FLAGS})
  target_link_options(glass_options INTERFACE ${GLASS_SANITIZE_FLAGS})
endif()

# Code reports to libFuzzer which of its branches an input takes. Digests hold nobody up: no fuzzer guesses one.
if(GLASS_FUZZ)
  target_compile_options(glass_options INTERFACE -fsanitize=fuzzer-no-link)
  target_compile_definitions(glass_options INTERFACE FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
endif()

# std::thread is all that threads need (tests start some in every build).
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
target_link_libraries(glass_options INTERFACE Threads::Threads)
