# 32-bit ARM, hard float: the small side of every size and time.
set(CMAKE_SYSTEM_PROCESSOR arm)
set(machine arm-linux-gnueabihf)
set(emulator qemu-arm-static)
include(${CMAKE_CURRENT_LIST_DIR}/cross.cmake)
