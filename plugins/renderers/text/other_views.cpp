// Errors, and forms that this renderer does not know.
#include "views.hpp"

namespace grid::text {
namespace {

void show_value(Page& page, const std::string& name, const Json& value, std::size_t indent);

void show_members(Page& page, const Json& json, std::size_t indent) {
  if (json.is_object())
    for (const auto& [name, value] : json.items())
      show_value(page, page.value(Json(name)) + ":", value, indent);
  else
    for (const Json& value : json) show_value(page, "-", value, indent);
}

void show_value(Page& page, const std::string& name, const Json& value, std::size_t indent) {
  const bool bytes = value.is_object() && value.size() == 1 && value.contains("b64");
  bool nested = value.is_object() && !bytes;
  if (value.is_array())
    for (const Json& item : value) nested = nested || item.is_structured();
  if (!nested || value.empty()) {
    const std::string text = value.is_null() || value.empty() ? "<none>" : page.value(value);
    return page.prose(name + " " + text, indent, Tone::plain, 2);
  }
  page.line({name}, indent);
  show_members(page, value, indent + 2);
}

}  // namespace

void show_error(Page& page) {
  const Json& error = Page::member(page.json(), "error");
  const std::string message = page.text(error, "message");
  page.prose("error: " + (message.empty() ? page.text(error, "code") : message), 0, Tone::bad, 2);
  if (const std::string hint = page.text(error, "hint"); !hint.empty())
    page.prose("hint: " + hint, 0, Tone::plain, 2);
  const Json& details = Page::member(error, "details");
  if (details.is_structured()) show_members(page, details, 2);
}

void show_anything(Page& page) {
  const Json& json = page.json();
  if (json.is_structured())
    show_members(page, json, 0);
  else
    page.prose(page.value(json));
}

}  // namespace grid::text
