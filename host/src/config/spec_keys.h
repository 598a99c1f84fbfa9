// The keys of specs.
#pragma once

#include <string>
#include <vector>

#include <attune/spec.h>

#include "config/table.h"

#pragma GCC visibility push(hidden)  // what stays inside of the library
namespace attune {

// What a spec is checked against.
struct SpecContext {
  const Catalogue& catalogue;
  const ModelNames& model;
};

// Each key once, for reading and the JSON Schema. The context may be null for all but reading.
Table<Spec> spec_table(const SpecContext* context);

// What a parameter that names a map may say; nothing is checked against an empty list.
struct KnownMaps {
  std::vector<std::string> of_term;
  std::vector<std::string> of_spec;
};

// Reads the components of a spec: "id" or {"use": "id", parameters...}.
class ComponentReader {
 public:
  using Keys = std::vector<DocumentReader::Key>;

  // All outlive this.
  ComponentReader(DocumentReader& reader, const SpecContext& context)
      : reader_(reader), catalogue_(context.catalogue), model_(context.model) {}

  // `own` are keys beside the parameters. The id is empty when something is wrong, which is a fault then.
  ComponentSpec read(const JsonAt& at, ComponentKind kind, const Keys& own = {}, const KnownMaps& maps = {});

 private:
  const Descriptor* descriptor(const JsonAt& at, ComponentKind kind);
  bool read_parameters(const JsonAt& at, const Keys& own, const KnownMaps& maps, const Descriptor& descriptor,
                       ComponentSpec& component);
  bool needs_no_more(const JsonAt& at, const Descriptor& descriptor);
  void fail_for_unknown(const JsonAt& at, const JsonMember& member, const Descriptor& descriptor, const Keys& own);
  ComponentSpec read_nested(const JsonAt& at);
  std::string name_fault(const ParameterDeclaration& declared, const JsonNode& node, const KnownMaps& maps) const;
  std::string layer_fault(const std::string& name) const;
  bool can_be_made(const JsonAt& at, const Descriptor& descriptor, const ComponentSpec& component);

  DocumentReader& reader_;
  const Catalogue& catalogue_;
  const ModelNames& model_;
  int depth_ = 0;  // of the method that is being read in others
};

// Of one target.
Json target_schema();

std::string unknown_map(const std::string& name, const std::vector<std::string>& known);

}  // namespace attune
#pragma GCC visibility pop
