// Ties a key of the schema to a member of a struct. Internal to schema.cpp.
#pragma once

#include <algorithm>
#include <type_traits>

#include "core/config/schema.hpp"

namespace grid {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {
  using Inner = T;
};

template <class T>
T from_value(const OptionSpec& spec, const Value& value) {
  if constexpr (std::is_enum_v<T>) {
    const auto choices = split_choices(spec.choices);
    return static_cast<T>(std::find(choices.begin(), choices.end(), std::get<std::string>(value)) -
                          choices.begin());
  } else if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
    const auto* whole = std::get_if<std::int64_t>(&value);
    return whole != nullptr ? static_cast<T>(*whole) : static_cast<T>(std::get<double>(value));
  } else {
    return std::get<T>(value);
  }
}

template <class T>
Value to_value(const OptionSpec& spec, const T& member) {
  if constexpr (std::is_enum_v<T>)
    return split_choices(spec.choices)[static_cast<std::size_t>(member)];
  else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
    return static_cast<std::int64_t>(member);
  else
    return member;
}

template <auto Member>
struct Bind;

template <class Object, class T, T Object::*Member>
struct Bind<Member> {
  static T& in(void* parent) { return static_cast<Object*>(parent)->*Member; }
  static const T& in(const void* parent) { return static_cast<const Object*>(parent)->*Member; }

  static void set(void* parent, const OptionSpec& spec, const Value& value) {
    if constexpr (IsOptional<T>::value)
      in(parent) = from_value<typename IsOptional<T>::Inner>(spec, value);
    else
      in(parent) = from_value<T>(spec, value);
  }
  static std::optional<Value> get(const void* parent, const OptionSpec& spec) {
    if constexpr (IsOptional<T>::value) {
      if (!in(parent)) return std::nullopt;
      return to_value(spec, *in(parent));
    } else {
      return to_value(spec, in(parent));
    }
  }

  static void* member(void* parent, std::string_view /*name*/) { return &in(parent); }
  static std::vector<KeySpec::Child> only_child(const void* parent) { return {{"", &in(parent)}}; }

  static void* named(void* parent, std::string_view name) {
    return &in(parent).try_emplace(std::string(name)).first->second;
  }
  static std::vector<KeySpec::Child> by_name(const void* parent) {
    std::vector<KeySpec::Child> all;
    for (const auto& [name, object] : in(parent)) all.push_back({name, &object});
    return all;
  }

  static void* next(void* parent, std::string_view /*name*/) { return &in(parent).emplace_back(); }
  static void clear(void* parent) { in(parent).clear(); }
  static std::vector<KeySpec::Child> in_list(const void* parent) {
    std::vector<KeySpec::Child> all;
    for (const auto& object : in(parent)) all.push_back({"", &object});
    return all;
  }
};

struct Text {
  const TextFormat* format = nullptr;
  bool required = false;
};

template <auto Member>
constexpr KeySpec value(OptionSpec option, Text text = {}) {
  return {.option = option,
          .format = text.format,
          .required = text.required,
          .set = Bind<Member>::set,
          .get = Bind<Member>::get};
}

template <auto Member>
constexpr KeySpec object(std::string_view name, const ObjectSpec& child, std::string_view doc) {
  return {.option = {.name = name, .doc = doc},
          .shape = Shape::object,
          .child = &child,
          .place = Bind<Member>::member,
          .children = Bind<Member>::only_child};
}

template <auto Member>
constexpr KeySpec objects_by_name(std::string_view name, const ObjectSpec& child, const TextFormat& names,
                                  std::string_view doc) {
  return {.option = {.name = name, .doc = doc},
          .shape = Shape::objects_by_name,
          .name_format = &names,
          .child = &child,
          .place = Bind<Member>::named,
          .children = Bind<Member>::by_name};
}

template <auto Member>
constexpr KeySpec objects_in_list(std::string_view name, const ObjectSpec& child, std::string_view doc) {
  return {.option = {.name = name, .doc = doc},
          .shape = Shape::objects_in_list,
          .child = &child,
          .place = Bind<Member>::next,
          .clear = Bind<Member>::clear,
          .children = Bind<Member>::in_list};
}

// Maps without a spec of their own: `shape` says of what.
template <auto Member>
constexpr KeySpec map(Shape shape, std::string_view name, const TextFormat& names, std::string_view doc,
                      const TextFormat* texts = nullptr) {
  return {.option = {.name = name, .doc = doc},
          .shape = shape,
          .format = texts,
          .name_format = &names,
          .place = Bind<Member>::named,
          .children = Bind<Member>::by_name};
}

}  // namespace grid
