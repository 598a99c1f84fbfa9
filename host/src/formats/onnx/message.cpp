#include "formats/onnx/message.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

namespace attune {
namespace {

namespace fs = std::filesystem;
using protozero::pbf_reader;
using protozero::pbf_wire_type;

constexpr pbf_wire_type bytes_type = pbf_wire_type::length_delimited;

constexpr int deepest_graph = 8;

// Fields of the messages in onnx.proto, by number.
namespace model_field {
enum { graph = 7, opset = 8 };
}
namespace graph_field {
enum { node = 1, initializer = 5, input = 11, output = 12, value = 13, sparse = 15 };
}
namespace node_field {
enum { attribute = 5 };
}
namespace attribute_field {
enum { tensor = 5 };
}
namespace tensor_field {
enum {
  sizes = 1,
  type = 2,
  floats = 4,
  int32s = 5,
  int64s = 7,
  name = 8,
  raw = 9,
  doubles = 10,
  uint64s = 11,
  places = 13,
  location = 14
};
}

// A field of a message and what reads it; fields of other numbers are skipped.
struct Field {
  protozero::pbf_tag_type tag;
  pbf_wire_type type, single;  // a repeated number is packed, or stands alone
  std::function<void(pbf_reader&)> read;
};

void read_fields(pbf_reader reader, const std::vector<Field>& fields) {
  while (reader.next()) {
    const auto is_it = [&](const Field& field) { return field.tag == reader.tag(); };
    const auto field = std::find_if(fields.begin(), fields.end(), is_it);
    if (field == fields.end()) {
      reader.skip();
    } else if (reader.wire_type() == field->type || reader.wire_type() == field->single) {
      field->read(reader);
    } else {
      throw Error(Fault::input, "is damaged: a field of its messages is of another type than ONNX's");
    }
  }
}

Field message(protozero::pbf_tag_type tag, std::function<void(pbf_reader)> read) {
  return {tag, bytes_type, bytes_type, [=](pbf_reader& reader) { read(reader.get_message()); }};
}

Field text(protozero::pbf_tag_type tag, std::function<void(std::string)> read) {
  return {tag, bytes_type, bytes_type, [=](pbf_reader& reader) { read(reader.get_string()); }};
}

Field text(protozero::pbf_tag_type tag, std::string& into) {
  return text(tag, [&](std::string read) { into = std::move(read); });
}

Field integer(protozero::pbf_tag_type tag, int64_t& into) {
  return {tag, pbf_wire_type::varint, pbf_wire_type::varint, [&](pbf_reader& reader) { into = reader.get_int64(); }};
}

template <class Number, class Packed, class Single>
Field list(protozero::pbf_tag_type tag, pbf_wire_type single, std::vector<Number>& into, Packed packed, Single one) {
  return {tag, bytes_type, single, [=, &into](pbf_reader& reader) {
            if (reader.wire_type() != bytes_type) return into.push_back((reader.*one)());
            for (const auto number : (reader.*packed)()) into.push_back(static_cast<Number>(number));
          }};
}

Field list(protozero::pbf_tag_type tag, std::vector<int64_t>& into) {
  return list(tag, pbf_wire_type::varint, into, &pbf_reader::get_packed_int64, &pbf_reader::get_int64);
}

Field list(protozero::pbf_tag_type tag, std::vector<double>& into) {
  return list(tag, pbf_wire_type::fixed32, into, &pbf_reader::get_packed_float, &pbf_reader::get_float);
}

Field entry(protozero::pbf_tag_type tag, std::map<std::string, std::string>& into) {
  return message(tag, [&](pbf_reader reader) {
    std::string key, value;
    read_fields(reader, {text(1, key), text(2, value)});
    into[key] = value;
  });
}

OnnxTensor read_tensor(const pbf_reader& reader) {
  OnnxTensor tensor;
  int64_t location = 0;
  const auto doubles = list(tensor_field::doubles, pbf_wire_type::fixed64, tensor.numbers,
                            &pbf_reader::get_packed_double, &pbf_reader::get_double);
  const Field raw{tensor_field::raw, bytes_type, bytes_type, [&](pbf_reader& field) {
                    const auto view = field.get_view();
                    tensor.raw = std::string_view(view.data(), view.size());
                  }};
  read_fields(reader, {list(tensor_field::sizes, tensor.sizes), integer(tensor_field::type, tensor.type),
                       list(tensor_field::floats, tensor.numbers), list(tensor_field::int32s, tensor.integers),
                       list(tensor_field::int64s, tensor.integers), text(tensor_field::name, tensor.name), raw, doubles,
                       entry(tensor_field::places, tensor.places), integer(tensor_field::location, location)});
  tensor.is_external = location == 1;
  return tensor;
}

OnnxGraph read_graph(const pbf_reader& reader, int depth);

void add_attribute(OnnxNode& node, const pbf_reader& message_of_it, int depth) {
  OnnxAttribute read;
  std::string name;
  const Field number{2, pbf_wire_type::fixed32, pbf_wire_type::fixed32,
                     [&](pbf_reader& field) { read.f = field.get_float(); }};
  const auto set_tensor = [&](const pbf_reader& field) { read.t = std::make_shared<OnnxTensor>(read_tensor(field)); };
  const auto set_graph = [&](const pbf_reader& field) {
    read.g = std::make_shared<OnnxGraph>(read_graph(field, depth + 1));
  };
  read_fields(message_of_it,
              {text(1, name), number, integer(3, read.i), text(4, read.s), message(attribute_field::tensor, set_tensor),
               message(6, set_graph), list(7, read.floats), list(8, read.ints),
               text(9, [&](std::string word) { read.texts.push_back(std::move(word)); }), integer(20, read.type)});
  node.attributes[name] = std::move(read);
}

OnnxNode read_node(const pbf_reader& reader, int depth) {
  OnnxNode node;
  read_fields(reader, {text(1, [&](std::string name) { node.inputs.push_back(std::move(name)); }),
                       text(2, [&](std::string name) { node.outputs.push_back(std::move(name)); }), text(3, node.name),
                       text(4, node.op),
                       message(node_field::attribute, [&](pbf_reader field) { add_attribute(node, field, depth); }),
                       text(7, node.domain), entry(9, node.metadata)});
  if (node.domain == "ai.onnx") node.domain.clear();
  return node;
}

OnnxValueInfo read_value_info(const pbf_reader& reader) {
  OnnxValueInfo info;
  const auto add_size = [&](const pbf_reader& field) {
    int64_t size = -1;
    read_fields(field, {integer(1, size)});
    info.sizes->push_back(size < 1 ? -1 : size);
  };
  const auto set_sizes = [&](const pbf_reader& field) {
    info.sizes.emplace();
    read_fields(field, {message(1, add_size)});
    if (info.sizes->size() > most_sizes) info.sizes.reset();
  };
  const auto set_tensor = [&](const pbf_reader& field) {
    read_fields(field, {integer(1, info.type), message(2, set_sizes)});
  };
  read_fields(reader, {text(1, info.name),
                       message(2, [&](const pbf_reader& field) { read_fields(field, {message(1, set_tensor)}); })});
  return info;
}

OnnxGraph read_graph(const pbf_reader& reader, int depth) {
  if (depth > deepest_graph) throw Error(Fault::input, "is damaged: its graphs are nested too deeply");
  OnnxGraph graph;
  const auto refuse = [](const pbf_reader&) {
    throw Error(Fault::input, "has sparse parameters, which cannot be read here");
  };
  const auto values = [](protozero::pbf_tag_type tag, std::vector<OnnxValueInfo>& into) {
    return message(tag, [&into](const pbf_reader& field) { into.push_back(read_value_info(field)); });
  };
  read_fields(reader,
              {message(graph_field::node, [&](pbf_reader field) { graph.nodes.push_back(read_node(field, depth)); }),
               message(graph_field::initializer, [&](pbf_reader f) { graph.initializers.push_back(read_tensor(f)); }),
               values(graph_field::input, graph.inputs), values(graph_field::output, graph.outputs),
               values(graph_field::value, graph.values), message(graph_field::sparse, refuse)});
  return graph;
}

}  // namespace

OnnxModel read_onnx_model(const fs::path& path) {
  const auto [bytes, size] = map_file(path);
  OnnxModel model;
  model.bytes = bytes;
  bool has_graph = false;
  const auto set_graph = [&](const pbf_reader& field) {
    if (has_graph) throw Error(Fault::input, "is damaged: it has two graphs");
    model.graph = read_graph(field, 0);
    has_graph = true;
  };
  const auto add_opset = [&](const pbf_reader& field) {
    std::string domain;
    int64_t version = 0;
    read_fields(field, {text(1, domain), integer(2, version)});
    model.opsets[domain == "ai.onnx" ? "" : domain] = version;
  };
  try {
    read_fields(pbf_reader(bytes.get(), size),
                {message(model_field::graph, set_graph), message(model_field::opset, add_opset)});
  } catch (const protozero::exception&) {
    throw Error(Fault::input, "is damaged, cut off or no ONNX file: its messages cannot be read to their end");
  }
  if (!has_graph) throw Error(Fault::input, "is damaged: it has no graph");
  return model;
}

namespace {

using protozero::pbf_writer;

// Copies a field as it is.
void copy_field(pbf_reader& reader, pbf_writer& writer) {
  const pbf_wire_type type = reader.wire_type();
  const auto tag = reader.tag();
  if (type == pbf_wire_type::varint) return writer.add_uint64(tag, reader.get_uint64());
  if (type == pbf_wire_type::fixed64) return writer.add_fixed64(tag, reader.get_fixed64());
  if (type == pbf_wire_type::fixed32) return writer.add_fixed32(tag, reader.get_fixed32());
  writer.add_bytes(tag, reader.get_view());
}

// Copies a message but for the fields that `other` has written otherwise.
template <class Other>
std::string copied(pbf_reader reader, Other other) {
  std::string bytes;
  pbf_writer writer(bytes);
  while (reader.next()) {
    if (!other(reader, writer)) copy_field(reader, writer);
  }
  return bytes;
}

std::string with_values(const pbf_reader& message, const at::Tensor& values) {
  const OnnxTensor old = read_tensor(message);
  const at::Tensor plain = values.detach().to(c10::kCPU, onnx_scalar_type(old.type, old.name)).contiguous();
  if (plain.sizes() != c10::IntArrayRef(old.sizes)) {
    throw Error(Fault::output, "'" + old.name + "' has another shape than in the ONNX file that the model came from");
  }
  std::string bytes = copied(message, [](pbf_reader& reader, pbf_writer&) {
    const auto tag = reader.tag();
    const bool stays = tag == tensor_field::sizes || tag == tensor_field::type || tag == tensor_field::name;
    const bool is_other = tag <= 11 || tag == tensor_field::places || tag == tensor_field::location;
    if (!stays && is_other) reader.skip();
    return !stays && is_other;
  });
  pbf_writer(bytes).add_bytes(tensor_field::raw, static_cast<const char*>(plain.data_ptr()), plain.nbytes());
  return bytes;
}

}  // namespace

void write_initializers(const fs::path& from, const fs::path& to, const std::map<std::string, at::Tensor>& values) {
  const auto [bytes, size] = map_file(from);
  // Puts what `made` makes of the message in a field in its place.
  const auto inside = [](protozero::pbf_tag_type tag, const auto& made) {
    return [tag, made](pbf_reader& reader, pbf_writer& writer) {
      if (reader.tag() != tag || reader.wire_type() != bytes_type) return false;
      const auto view = reader.get_view();
      writer.add_message(tag, made(view));
      return true;
    };
  };
  const auto initializer = [&, &bytes = bytes](const protozero::data_view& view) {
    const OnnxTensor old = read_tensor(pbf_reader(view));
    const auto found = values.find(old.name);
    if (found != values.end()) return with_values(pbf_reader(view), found->second);
    return old.is_external ? with_values(pbf_reader(view), tensor_of(old, bytes, from.parent_path()))
                           : std::string(view.data(), view.size());
  };
  const auto node = [&](const protozero::data_view& view) {
    const OnnxNode old = read_node(pbf_reader(view), 0);
    const auto found = old.op == "Constant" && !old.outputs.empty() ? values.find(old.outputs[0]) : values.end();
    if (found == values.end()) return std::string(view.data(), view.size());
    const auto tensor = [&](const protozero::data_view& it) { return with_values(pbf_reader(it), found->second); };
    const auto attribute = [&](const protozero::data_view& it) {
      return copied(pbf_reader(it), inside(attribute_field::tensor, tensor));
    };
    return copied(pbf_reader(view), inside(node_field::attribute, attribute));
  };
  const auto graph = [&](const protozero::data_view& view) {
    const auto write_initializer = inside(graph_field::initializer, initializer);
    const auto write_node = inside(graph_field::node, node);
    return copied(pbf_reader(view), [&](pbf_reader& reader, pbf_writer& writer) {
      return write_initializer(reader, writer) || write_node(reader, writer);
    });
  };
  const std::string written = copied(pbf_reader(bytes.get(), size), inside(model_field::graph, graph));
  std::ofstream file(to, std::ios::binary);
  file.write(written.data(), static_cast<std::streamsize>(written.size()));
  if (!file.flush()) throw Error(Fault::output, "cannot write the model to '" + to.string() + "'");
}

}  // namespace attune
