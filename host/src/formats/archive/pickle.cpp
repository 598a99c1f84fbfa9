#include "formats/archive/pickle.h"

#include <cstring>
#include <deque>
#include <limits>
#include <optional>

#include <attune/sdk/error.h>

namespace attune {
namespace {

[[noreturn]] void bad_pickle(const std::string& what) {
  throw Error(Fault::input, "is damaged: its tensors' pickle " + what);
}

struct PickleItem {
  enum Kind { nothing, number, text, list, dictionary, global, tensor } kind = nothing;
  int64_t value = 0;
  std::string name;                // a text, or "module name" of a global
  std::vector<PickleItem*> items;  // of a list or tuple; keys and values of a dictionary by turns
  StoredTensor stored = {};        // a storage is one without sizes
};

const std::map<std::string, c10::ScalarType> storage_types{
    {"torch DoubleStorage", c10::kDouble},     {"torch FloatStorage", c10::kFloat}, {"torch HalfStorage", c10::kHalf},
    {"torch BFloat16Storage", c10::kBFloat16}, {"torch LongStorage", c10::kLong},   {"torch IntStorage", c10::kInt},
    {"torch ShortStorage", c10::kShort},       {"torch CharStorage", c10::kChar},   {"torch ByteStorage", c10::kByte},
    {"torch BoolStorage", c10::kBool}};

// The pickle machine, without the means to make objects or call functions: of the latter it knows what tensors and
// dictionaries are written as.
class PickleReader {
 public:
  explicit PickleReader(const std::string& bytes) : bytes_(bytes) {}

  const PickleItem& read() {
    for (;;) {
      const auto code = static_cast<unsigned char>(take(1)[0]);
      if (code == '.') return *pop();
      step(code);
    }
  }

 private:
  std::string take(size_t count) {
    if (count > bytes_.size() - at_) bad_pickle("ends too early");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  template <class Number>
  Number take_number() {
    Number number = 0;
    std::memcpy(&number, take(sizeof number).data(), sizeof number);
    return number;
  }
  std::string take_line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string::npos) bad_pickle("ends too early");
    const std::string line = take(end - at_);
    take(1);
    return line;
  }

  PickleItem* make(PickleItem::Kind kind) {
    made_.emplace_back();
    made_.back().kind = kind;
    return &made_.back();
  }
  PickleItem* push(PickleItem::Kind kind) {
    stack_.push_back(make(kind));
    return stack_.back();
  }
  void push_number(int64_t value) { push(PickleItem::number)->value = value; }
  void push_text(size_t size) { push(PickleItem::text)->name = take(size); }
  void push_global() {
    const std::string module = take_line();
    push(PickleItem::global)->name = module + " " + take_line();
  }
  PickleItem* top() {
    if (stack_.empty()) bad_pickle("takes more than it has");
    return stack_.back();
  }
  PickleItem* pop() {
    PickleItem* const item = top();
    stack_.pop_back();
    return item;
  }
  std::vector<PickleItem*> pop_marked() {
    if (marks_.empty() || marks_.back() > stack_.size()) bad_pickle("takes more than it has");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleItem*> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<PickleItem*> popped(size_t count) {
    std::vector<PickleItem*> items(count);
    while (count > 0) items[--count] = pop();
    return items;
  }
  void push_tuple(size_t count) {
    auto items = popped(count);
    push(PickleItem::list)->items = std::move(items);
  }
  void push_marked(PickleItem::Kind kind) {
    const auto items = pop_marked();
    push(kind);
    append(kind, items);
  }
  void append(PickleItem::Kind kind, const std::vector<PickleItem*>& items) {
    PickleItem* const to = top();
    if (to->kind != kind || (kind == PickleItem::dictionary && items.size() % 2 != 0))
      bad_pickle("adds to what is no list or dictionary");
    to->items.insert(to->items.end(), items.begin(), items.end());
  }
  void recall(uint64_t number) {
    const auto found = memo_.find(number);
    if (found == memo_.end()) bad_pickle("recalls what it has not kept");
    stack_.push_back(found->second);
  }

  void step(unsigned char code) {
    using Step = void (*)(PickleReader&);
    using P = PickleReader;
    constexpr auto list = PickleItem::list, dictionary = PickleItem::dictionary;
    static const std::map<unsigned char, Step> steps{{0x80, [](P& p) { p.take(1); }},  // version
                                                     {0x95, [](P& p) { p.take(8); }},  // frame
                                                     {'(', [](P& p) { p.marks_.push_back(p.stack_.size()); }},
                                                     {'0', [](P& p) { p.pop(); }},
                                                     {'N', [](P& p) { p.push(PickleItem::nothing); }},
                                                     {0x88, [](P& p) { p.push_number(1); }},
                                                     {0x89, [](P& p) { p.push_number(0); }},
                                                     {'K', [](P& p) { p.push_number(p.take_number<uint8_t>()); }},
                                                     {'M', [](P& p) { p.push_number(p.take_number<uint16_t>()); }},
                                                     {'J', [](P& p) { p.push_number(p.take_number<int32_t>()); }},
                                                     {0x8a, [](P& p) { p.push_long(p.take_number<uint8_t>()); }},
                                                     {'X', [](P& p) { p.push_text(p.take_number<uint32_t>()); }},
                                                     {0x8c, [](P& p) { p.push_text(p.take_number<uint8_t>()); }},
                                                     {')', [](P& p) { p.push_tuple(0); }},
                                                     {0x85, [](P& p) { p.push_tuple(1); }},
                                                     {0x86, [](P& p) { p.push_tuple(2); }},
                                                     {0x87, [](P& p) { p.push_tuple(3); }},
                                                     {'t', [](P& p) { p.push_marked(list); }},
                                                     {'l', [](P& p) { p.push_marked(list); }},
                                                     {'d', [](P& p) { p.push_marked(dictionary); }},
                                                     {']', [](P& p) { p.push(list); }},
                                                     {'}', [](P& p) { p.push(dictionary); }},
                                                     {'a', [](P& p) { p.append(list, p.popped(1)); }},
                                                     {'e', [](P& p) { p.append(list, p.pop_marked()); }},
                                                     {'s', [](P& p) { p.append(dictionary, p.popped(2)); }},
                                                     {'u', [](P& p) { p.append(dictionary, p.pop_marked()); }},
                                                     {'q', [](P& p) { p.memo_[p.take_number<uint8_t>()] = p.top(); }},
                                                     {'r', [](P& p) { p.memo_[p.take_number<uint32_t>()] = p.top(); }},
                                                     {0x94, [](P& p) { p.memo_.emplace(p.memo_.size(), p.top()); }},
                                                     {'h', [](P& p) { p.recall(p.take_number<uint8_t>()); }},
                                                     {'j', [](P& p) { p.recall(p.take_number<uint32_t>()); }},
                                                     {'c', [](P& p) { p.push_global(); }},
                                                     {'Q', [](P& p) { p.push_storage(*p.pop()); }},
                                                     {'R', [](P& p) { p.call(p.popped(2)); }},
                                                     {'b', [](P& p) { p.pop(); }}};  // attributes of a dictionary
    const auto found = steps.find(code);
    if (found == steps.end()) bad_pickle("holds more than tensors by name");
    found->second(*this);
  }

  void push_long(size_t size) {
    const std::string digits = take(size);
    int64_t value = !digits.empty() && (digits.back() & 0x80) != 0 ? -1 : 0;
    if (size > sizeof value) bad_pickle("has an absurd number");
    std::memcpy(&value, digits.data(), size);
    push_number(value);
  }

  // ("storage", type, name, device, size)
  void push_storage(const PickleItem& about) {
    const auto type = about.items.size() < 3 ? storage_types.end() : storage_types.find(about.items[1]->name);
    if (type == storage_types.end()) bad_pickle("has a storage of a type that is not known here");
    PickleItem* const storage = push(PickleItem::tensor);
    storage->stored = {"data/" + about.items[2]->name, type->second, {}, {}, 0};
  }

  // A function and its arguments.
  void call(const std::vector<PickleItem*>& items) {
    const std::string& function = items[0]->name;
    const auto& given = items[1]->items;
    if (function == "collections OrderedDict" && given.empty()) {
      push(PickleItem::dictionary);
    } else if ((function == "torch._utils _rebuild_parameter" ||
                function == "torch._utils _rebuild_parameter_with_state") &&
               !given.empty() && given[0]->kind == PickleItem::tensor) {
      stack_.push_back(given[0]);
    } else if (function == "torch._utils _rebuild_tensor_v2" && given.size() >= 4 &&
               given[0]->kind == PickleItem::tensor) {
      push(PickleItem::tensor)->stored = {given[0]->stored.record, given[0]->stored.type, numbers_of(*given[2]),
                                          numbers_of(*given[3]), given[1]->value};
    } else {
      throw Error(Fault::input, "holds a Python object (" + function.substr(0, 100) +
                                    "), which cannot be read here; expected tensors");
    }
  }

  static std::vector<int64_t> numbers_of(const PickleItem& item) {
    std::vector<int64_t> numbers;
    for (const PickleItem* number : item.items) numbers.push_back(number->value);
    return numbers;
  }

  const std::string& bytes_;
  size_t at_ = 0;
  std::deque<PickleItem> made_;  // all of them, so that none owns another
  std::vector<PickleItem*> stack_;
  std::vector<size_t> marks_;
  std::map<uint64_t, PickleItem*> memo_;
};

}  // namespace

std::map<std::string, StoredTensor> pickled_tensors(const std::string& pickle) {
  PickleReader reader(pickle);
  const PickleItem& all = reader.read();
  if (all.kind != PickleItem::dictionary) bad_pickle("is no dictionary");
  std::map<std::string, StoredTensor> tensors;
  for (size_t i = 0; i + 1 < all.items.size(); i += 2) {
    if (all.items[i]->kind != PickleItem::text || all.items[i + 1]->kind != PickleItem::tensor)
      bad_pickle("holds more than tensors by name");
    tensors[all.items[i]->name] = all.items[i + 1]->stored;
  }
  return tensors;
}

}  // namespace attune
