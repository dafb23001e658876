# 64-bit big endian.
set(CMAKE_SYSTEM_PROCESSOR s390x)
set(machine s390x-linux-gnu)
set(emulator qemu-s390x-static)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
