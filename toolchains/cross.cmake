# What the cross toolchains share. They set `machine` (as in Debian's triplets) and `emulator` before including this.
#
# The libraries come as static archives from a sysroot of unpacked Debian packages, which `tools/test armhf s390x` makes;
# its path is in the environment as CROSS_SYSROOT. Programs are linked statically, so that the emulator needs no sysroot.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${machine}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${machine})
set(CMAKE_CROSSCOMPILING_EMULATOR ${emulator})
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)

set(CMAKE_FIND_ROOT_PATH $ENV{CROSS_SYSROOT} /usr/${machine})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} $ENV{CROSS_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} $ENV{CROSS_SYSROOT}/usr/lib/${machine}/pkgconfig)
