# The only thing the tests need beside a compiler. Systems have packages for it (Debian, Ubuntu: libgtest-dev and
# libgmock-dev); where there is none, it is downloaded in a fixed version with a fixed hash, or built from a folder:
#   cmake ... -D GLASS_FETCH_GOOGLETEST=ON                                   download
#   cmake ... -D FETCHCONTENT_SOURCE_DIR_GOOGLETEST=/usr/src/googletest      sources that are here already
option(GLASS_FETCH_GOOGLETEST "Download GoogleTest if the system has none" OFF)
if(CMAKE_CROSSCOMPILING AND EXISTS /usr/src/googletest/CMakeLists.txt)   # Debian's libgtest-dev brings its sources
  set(FETCHCONTENT_SOURCE_DIR_GOOGLETEST /usr/src/googletest CACHE PATH "Sources of GoogleTest")
endif()
if(NOT CMAKE_CROSSCOMPILING AND NOT FETCHCONTENT_SOURCE_DIR_GOOGLETEST)
  find_package(GTest QUIET)
endif()
if(NOT TARGET GTest::gmock)
  if(NOT GLASS_FETCH_GOOGLETEST AND NOT FETCHCONTENT_SOURCE_DIR_GOOGLETEST)
    message(FATAL_ERROR "The tests need GoogleTest. Install it (Debian, Ubuntu: apt-get install libgtest-dev libgmock-dev; "
      "Fedora: dnf install gtest-devel gmock-devel; macOS: brew install googletest), or configure with "
      "-D GLASS_FETCH_GOOGLETEST=ON to download it, or with -D GLASS_TESTS=OFF to build without tests.")
  endif()
  include(FetchContent)
  set(INSTALL_GTEST OFF CACHE INTERNAL "")
  FetchContent_Declare(googletest
    URL https://github.com/google/googletest/archive/refs/tags/v1.14.0.tar.gz
    URL_HASH SHA256=8ad598c73ad796e0d8280b082cebd82a630d73e73cd3c70057938a6501bba5d7)
  FetchContent_MakeAvailable(googletest)
endif()
