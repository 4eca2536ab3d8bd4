# glass_one_text(glass_kernels kernels/gpu/all.h): the GPU kernels as one text, for compilers that run where there are no
# header files (NVRTC, Metal), as an include, <build>/generated/kernels/gpu/all.text.inc:
#   const char kText[] = {
#   #include "kernels/gpu/all.text.inc"
#   };
# Every `#include "kernels/..."` gives way to the file itself, one that says `#pragma once` at its first place only. #line
# keeps the names of the files in a compiler's messages. The text is the same for both makers. What only the emulator
# and the host read is left out: it stands in branches that no maker's compiler takes, and an #error says so to one that
# does.
# Run as a script (cmake -D ROOT=... -D FROM=... -D TO=... -P one_text.cmake) it does the writing.
if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.25)
  set(seen "")
  set(left_out kernels/gpu/language/gpu_emulator.h kernels/gpu/language/gpu_host.h kernels/scalar_math.h)

  # The number of the line in which a piece of text ends, counted from 1.
  function(last_line text result)
    string(REGEX REPLACE "[^\n]" "" ends "${text}")
    string(LENGTH "${ends}" count)
    math(EXPR count "${count} + 1")
    set(${result} ${count} PARENT_SCOPE)
  endfunction()

  # `result` becomes the text of `name` with all that it includes.
  function(one_text name result)
    if(name IN_LIST seen)
      set(${result} "" PARENT_SCOPE)
      return()
    endif()
    if(name IN_LIST left_out)
      set(${result} "#error ${name} is not part of this text\n" PARENT_SCOPE)
      return()
    endif()
    file(READ ${ROOT}/${name} rest)
    if(rest MATCHES "\n#pragma once\n")
      list(APPEND seen ${name})
      string(REPLACE "\n#pragma once\n" "\n\n" rest "${rest}")
    endif()
    set(text "#line 1 \"${name}\"\n")
    set(done "")
    while(rest MATCHES "(^|\n)#include \"(kernels/[^\"]*)\"[^\n]*\n")
      set(include "${CMAKE_MATCH_0}")
      set(included ${CMAKE_MATCH_2})
      string(FIND "${rest}" "${include}" at)
      string(LENGTH "${include}" length)
      math(EXPR after "${at} + ${length}")
      string(SUBSTRING "${rest}" 0 ${at} before)
      string(SUBSTRING "${rest}" ${after} -1 rest)
      string(APPEND done "${before}${include}")
      last_line("${done}" line)
      one_text(${included} part)
      string(APPEND text "${before}\n${part}#line ${line} \"${name}\"\n")
    endwhile()
    set(seen "${seen}" PARENT_SCOPE)
    set(${result} "${text}${rest}" PARENT_SCOPE)
  endfunction()

  one_text(${FROM} text)
  file(WRITE ${TO} "${text}")
  return()
endif()

set(GLASS_ONE_TEXT_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(glass_one_text target from)
  string(REGEX REPLACE "[.]h$" ".text" name ${from})
  set(to ${CMAKE_BINARY_DIR}/generated/${name})
  get_filename_component(folder ${from} DIRECTORY)
  file(GLOB_RECURSE parts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.h)
  file(GLOB formulas CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.h)
  add_custom_command(OUTPUT ${to} DEPENDS ${parts} ${formulas} ${GLASS_ONE_TEXT_SCRIPT}
    COMMAND ${CMAKE_COMMAND} -D ROOT=${CMAKE_SOURCE_DIR} -D FROM=${from} -D TO=${to} -P ${GLASS_ONE_TEXT_SCRIPT}
    COMMENT "Writing ${from} as one text" VERBATIM)
  glass_embed_generated(${target} ${name})
endfunction()
