# glass_ptx(glass_kernels kernels/gpu/all.text 80:7.0 90a:8.0): what nvcc makes of the GPU kernels, as an include,
# <build>/generated/kernels/gpu/images.inc: a list kImages of { compute capability, whether it runs on that one only,
# bytes }, the best first, ended by a 0. The letter a stands for what later GPUs do not promise to have.
# Behind each compute capability stands the oldest version of the PTX language that has all that is used: nvcc writes its
# own, which drivers that are older than it would refuse. The list is empty where there is no nvcc, or GLASS_NVCC is OFF.
# Run as a script (cmake -D FROM=... -D TO=... -D VERSION=... -P ptx.cmake) it states that version.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${FROM} text)
  string(REGEX REPLACE "\n[.]version [0-9.]+" "\n.version ${VERSION}" text "${text}")
  string(REGEX REPLACE "\t[.]pragma \"used_bytes_mask [0-9]+\";\n" "" text "${text}")   # a hint, of version 8.3
  file(WRITE ${TO} "${text}")
  return()
endif()

option(GLASS_NVCC "Make PTX of the GPU kernels where nvcc is found; else NVRTC makes it when the program runs" ON)
if(GLASS_NVCC)
  find_program(GLASS_NVCC_PROGRAM nvcc HINTS /usr/local/cuda/bin)
endif()

set(GLASS_PTX_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(glass_ptx target text)
  set(source ${CMAKE_BINARY_DIR}/generated/${text})
  set(bytes "")
  set(rows "")
  foreach(image IN LISTS ARGN)
    if(NOT GLASS_NVCC OR NOT GLASS_NVCC_PROGRAM)
      break()
    endif()
    string(REPLACE ":" ";" image ${image})
    list(GET image 0 arch)
    list(GET image 1 version)
    string(REGEX REPLACE "[.]text$" "_${arch}.ptx" name ${text})
    set(to ${CMAKE_BINARY_DIR}/generated/${name})
    add_custom_command(OUTPUT ${to} DEPENDS ${source} ${GLASS_PTX_SCRIPT}
      COMMAND ${GLASS_NVCC_PROGRAM} -std=c++17 -arch=compute_${arch} -x cu -ptx -o ${to}.nvcc ${source}
      COMMAND ${CMAKE_COMMAND} -D FROM=${to}.nvcc -D TO=${to} -D VERSION=${version} -P ${GLASS_PTX_SCRIPT}
      COMMENT "Compiling ${text} for compute capability ${arch}" VERBATIM)
    glass_embed_generated(${target} ${name})
    string(APPEND bytes "const char kBytes${arch}[] = {\n#include \"${name}.inc\"\n};\n")
    string(REGEX REPLACE "a$" "" capability ${arch})
    set(only false)
    if(NOT arch STREQUAL capability)
      set(only true)
    endif()
    string(PREPEND rows "  {${capability}, ${only}, {kBytes${arch}, sizeof kBytes${arch}}},\n")
  endforeach()
  get_filename_component(folder ${text} DIRECTORY)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${folder}/images.inc
       CONTENT "${bytes}const Image kImages[] = {\n${rows}  {0, false, {}}};\n" @ONLY)
endfunction()
