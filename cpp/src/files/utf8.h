// Text in files: what is handed on as text has to be some.
#pragma once

#include <string_view>

namespace nearfield {

// Whether bytes are UTF-8 as Python reads it: without detours, halves of pairs and numbers beyond Unicode.
bool is_utf8(std::string_view bytes);

}  // namespace nearfield
