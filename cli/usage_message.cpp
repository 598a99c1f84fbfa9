#include "usage_message.h"

#include <vector>

#include <attune/sdk/error.h>

namespace attune::cli {
namespace {

std::vector<std::string> flags_of(const CLI::App& command) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

// "unknown flag --metod (did you mean ...)", when there is one.
std::string unknown_flag(const CLI::App& command) {
  for (const std::string& word : command.remaining()) {
    if (word.size() < 2 || word[0] != '-') continue;
    const std::string flag = word.substr(0, word.find('='));
    return "unknown flag " + flag + did_you_mean(flag, flags_of(command));
  }
  return "";
}

// The same of a command.
std::string unknown_command(const CLI::App& app) {
  if (!app.get_subcommands().empty() || app.remaining().empty()) return "";
  std::vector<std::string> names;
  for (const CLI::App* known : app.get_subcommands(nullptr)) names.push_back(known->get_name());
  return "unknown command " + app.remaining().front() + did_you_mean(app.remaining().front(), names);
}

}  // namespace

std::string usage_message(const CLI::App* app, const CLI::Error& error) {
  const auto given = app->get_subcommands();
  const CLI::App& command = given.empty() ? *app : *given.front();
  std::string wrong = unknown_flag(command);
  if (wrong.empty()) wrong = unknown_command(*app);
  if (wrong.empty()) wrong = error.what();
  return "attune: " + wrong + "; see attune" + (given.empty() ? "" : " " + command.get_name()) + " --help\n";
}

}  // namespace attune::cli
