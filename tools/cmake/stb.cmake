# stb_image_write.h, one public-domain header that packs pixels into a PNG file. Systems have packages for it (Debian,
# Ubuntu: libstb-dev); where there is none, it is downloaded in a fixed version with a fixed hash:
#   cmake ... -D GLASS_FETCH_STB=ON
# Use it as <stb/stb_image_write.h>, through the target glass_stb.
option(GLASS_FETCH_STB "Download stb_image_write.h if the system has none" OFF)
find_path(GLASS_STB_INCLUDE stb/stb_image_write.h)
if(NOT GLASS_STB_INCLUDE AND CMAKE_CROSSCOMPILING AND EXISTS /usr/include/stb/stb_image_write.h)
  # One header that is the same for every machine: a link to it, since all of /usr/include would be wrong here.
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/stb_include/stb)
  file(COPY /usr/include/stb/stb_image_write.h DESTINATION ${CMAKE_BINARY_DIR}/stb_include/stb)
  set(GLASS_STB_INCLUDE ${CMAKE_BINARY_DIR}/stb_include CACHE PATH "The folder above stb/" FORCE)
endif()
if(NOT GLASS_STB_INCLUDE)
  if(NOT GLASS_FETCH_STB)
    message(FATAL_ERROR "Charts need stb_image_write.h. Install it (Debian, Ubuntu: apt-get install libstb-dev; "
      "Fedora: dnf install stb_image_write-devel), or configure with -D GLASS_FETCH_STB=ON to download it.")
  endif()
  file(DOWNLOAD https://raw.githubusercontent.com/nothings/stb/5736b15f7ea0ffb08dd38af21067c314d6a3aae9/stb_image_write.h
    ${CMAKE_BINARY_DIR}/stb_include/stb/stb_image_write.h
    EXPECTED_HASH SHA256=cbd5f0ad7a9cf4468affb36354a1d2338034f2c12473cf1a8e32053cb6914a05)
  set(GLASS_STB_INCLUDE ${CMAKE_BINARY_DIR}/stb_include CACHE PATH "The folder above stb/" FORCE)
endif()
add_library(glass_stb INTERFACE)
target_include_directories(glass_stb SYSTEM INTERFACE ${GLASS_STB_INCLUDE})
