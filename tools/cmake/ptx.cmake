# glass_ptx(glass_kernels kernels/gpu/all.text 80:7.0 90a:8.0): what nvcc makes of the GPU kernels, as an include,
# <build>/generated/kernels/gpu/images.inc: a list kImages (kernels/cuda/kernel_image.cpp) of { compute capability, whether
# it runs on that one only, its name, version, bytes }, the best first. The letter a stands for what later GPUs do not
# promise to have. Behind each compute capability stands the oldest version of the PTX language that has all that is used.
# There are no bytes where there is no nvcc, or GLASS_NVCC is OFF.
option(GLASS_NVCC "Make PTX of the GPU kernels where nvcc is found; else NVRTC makes it when the program runs" ON)
if(GLASS_NVCC)
  find_program(GLASS_NVCC_PROGRAM nvcc HINTS /usr/local/cuda/bin)
endif()

function(glass_ptx target text)
  set(source ${CMAKE_BINARY_DIR}/generated/${text})
  set(arrays "")
  set(rows "")
  foreach(image IN LISTS ARGN)
    string(REPLACE ":" ";" image ${image})
    list(GET image 0 arch)
    list(GET image 1 version)
    set(bytes "{}")
    if(GLASS_NVCC AND GLASS_NVCC_PROGRAM)
      string(REGEX REPLACE "[.]text$" "_${arch}.ptx" name ${text})
      set(to ${CMAKE_BINARY_DIR}/generated/${name})
      add_custom_command(OUTPUT ${to} DEPENDS ${source}
        COMMAND ${GLASS_NVCC_PROGRAM} -std=c++17 -arch=compute_${arch} -x cu -ptx -o ${to} ${source}
        COMMENT "Compiling ${text} for compute capability ${arch}" VERBATIM)
      glass_embed_generated(${target} ${name})
      string(APPEND arrays "const char kBytes${arch}[] = {\n#include \"${name}.inc\"\n};\n")
      set(bytes "{kBytes${arch}, sizeof kBytes${arch} - 1}")
    endif()
    string(REGEX REPLACE "a$" "" capability ${arch})
    set(only false)
    if(NOT arch STREQUAL capability)
      set(only true)
    endif()
    string(PREPEND rows "  {${capability}, ${only}, \"${arch}\", \"${version}\", ${bytes}},\n")
  endforeach()
  get_filename_component(folder ${text} DIRECTORY)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/${folder}/images.inc
       CONTENT "${arrays}const Image kImages[] = {\n${rows}};\n" @ONLY)
endfunction()
