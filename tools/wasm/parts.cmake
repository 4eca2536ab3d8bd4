# The files of tools/ that a page without a server is made of, and the only such list. Everything that answers a page is
# here; what listens, starts processes, trains, or prints for a terminal is not: not_in_a_page.cpp says what is said
# instead. Floors below come along whole, and the linker takes of them what is called.
file(GLOB GLASS_PAGE_PARTS CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR}
  ${CMAKE_CURRENT_SOURCE_DIR}/api/*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/interp/*.cpp)
list(REMOVE_ITEM GLASS_PAGE_PARTS api/train.cpp api/trainer_process.cpp interp/sae_train.cpp interp/tell.cpp)
list(APPEND GLASS_PAGE_PARTS arguments.cpp build_info.cpp data_note.cpp guess.cpp machine.cpp model_step.cpp options.cpp
  priority.cpp sampler_options.cpp saved.cpp shell_word.cpp sources.cpp terminal.cpp text_options.cpp)
