// attune check: whether a plugin keeps to what it declares. Every check is run in a process of its own, and the plugin
// is never loaded into this one: it may crash or hang.

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>

#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "check_child.h"
#include "commands.h"
#include "conformance/checks.h"
#include "conformance/process.h"
#include "json/quoting.h"
#include "report/json.h"
#include "table.h"

namespace attune::cli {
namespace {

using namespace conformance;
using Words = std::vector<std::string>;

struct Job {
  std::string check;
  std::string component;  // "": the library
  std::string kind;
};

// What a job has come to.
struct Line {
  std::string verdict;
  std::string message;
  int64_t milliseconds = 0;
};

Words kinds_of(const Check& check) {
  Words kinds;
  for (const ComponentKind kind : check.kinds) kinds.push_back(to_string(kind));
  return kinds;
}

void list_checks(bool json) {
  Json list = Json::array();
  std::vector<Cells> rows;
  for (const Check& check : checks()) {
    list.push_back({{"id", check.id}, {"kinds", kinds_of(check)}, {"demand", check.demand}});
    const auto kinds = kinds_of(check);
    const std::string of = kinds.empty() ? "library" : kinds.size() > 1 ? "all components" : kinds[0] + "s";
    rows.push_back({check.id, of, check.demand});
  }
  if (json) return print({{"checks", list}});
  print_table(std::cout, rows);
}

bool chosen(const CheckOptions& options, const std::string& check) {
  return options.only.empty() || std::find(options.only.begin(), options.only.end(), check) != options.only.end();
}

// "3,224,224"
std::string shape_argument(const std::vector<int64_t>& shape) {
  std::string text;
  for (const int64_t extent : shape) text += (text.empty() ? "" : ",") + std::to_string(extent);
  return text;
}

Words child_arguments(const CheckOptions& options, const std::string& check, const std::string& component,
                      const std::string& target) {
  Words words{"check", "--child", check, "--seed", std::to_string(options.seed)};
  if (!component.empty()) words.insert(words.end(), {"--component", component});
  if (!options.model.empty()) words.insert(words.end(), {"--model", options.model});
  if (!options.input.empty()) words.insert(words.end(), {"--input", shape_argument(options.input)});
  for (const std::string& folder : options.plugin_dirs) words.insert(words.end(), {"--plugin-dir", folder});
  words.insert(words.end(), {"--", target});
  return words;
}

// Seconds for loading the plugin, and with it LibTorch, which takes what it takes on a busy machine.
int loading_limit(const CheckOptions& options) { return std::max(options.timeout, 300); }

std::string seconds_text(int seconds) { return std::to_string(seconds) + (seconds == 1 ? " second" : " seconds"); }

// What became of a child, when that is not for it to say; "" otherwise.
std::string crash(const conformance::Ending& ending) {
  const std::string printed =
      ending.last_line.empty() ? "" : "; its last words: " + shortened(one_line(ending.last_line), 200);
  if (!ending.death.empty()) return ending.death + printed;
  if (ending.report.empty() || ending.code != 0) {
    return "it ended the process with exit code " + std::to_string(ending.code) + printed;
  }
  return "";
}

// What the child reported. Something else in its place is the plugin's doing.
Json report_of(const conformance::Ending& ending) {
  const Json report = Json::parse(ending.report, nullptr, /*allow_exceptions=*/false);
  return report.is_object() ? report : Json{{"message", "it wrote into the report of the check"}};
}

Line line_of(const conformance::Ending& ending, int limit) {
  if (ending.timed_out) {
    return {"timeout", "no end after " + seconds_text(limit) + "; --timeout gives it longer", ending.milliseconds};
  }
  if (const std::string crashed = crash(ending); !crashed.empty()) return {"crashed", crashed, ending.milliseconds};
  const Json report = report_of(ending);
  return {report.value("verdict", "failed"), one_line(report.value("message", "")), ending.milliseconds};
}

std::string heading(const Job& job) { return job.component.empty() ? "library" : job.kind + " " + job.component; }

// Prints lines as they come, or collects them for one document.
class Result {
 public:
  explicit Result(const CheckOptions& options) : options_(options) {}

  void begin(const std::string& path, const std::string& plugin) {
    path_ = path;
    if (options_.json) return;
    std::cout << path << (plugin.empty() ? "" : ": " + plugin) << ", seed " << options_.seed
              << (options_.model.empty() ? "" : ", model " + options_.model) << '\n';
  }

  void add(const Job& job, const Line& line) {
    ++counts_[line.verdict];
    if (options_.json) {
      lines_.push_back({{"id", job.check},
                        {"component", job.component.empty() ? Json() : Json(job.component)},
                        {"verdict", line.verdict},
                        {"message", line.message},
                        {"ms", line.milliseconds}});
      return;
    }
    if (heading(job) != heading_) std::cout << '\n' << (heading_ = heading(job)) << '\n';
    std::cout << "  " << padded(line.verdict, 9) << padded(job.check, 13) << line.message << std::endl;  // seen at once
  }

  int finish() {
    if (options_.json) {
      const Json model = options_.model.empty() ? Json() : Json(options_.model);
      print({{"plugin", path_}, {"seed", options_.seed}, {"model", model}, {"checks", lines_}});
    } else {
      Words counts;
      for (const std::string verdict : {"passed", "failed", "crashed", "timeout", "skipped"}) {
        if (counts_[verdict] > 0) counts.push_back(std::to_string(counts_[verdict]) + ' ' + verdict);
      }
      std::cout << '\n' << listed(counts) << '\n';
    }
    const bool good = counts_["failed"] + counts_["crashed"] + counts_["timeout"] == 0;
    return good ? 0 : static_cast<int>(Fault::check);
  }

 private:
  const CheckOptions& options_;
  std::string path_;
  std::string heading_;
  std::map<std::string, int> counts_;
  Json lines_ = Json::array();
};

conformance::Ending inspect(const CheckOptions& options) {
  conformance::Ending found;
  run_children({child_arguments(options, inspect_plugin, "", options.target)},
               std::chrono::seconds(loading_limit(options)),
               [&](size_t, const conformance::Ending& ending) { found = ending; });
  return found;
}

std::vector<Job> jobs_for(const CheckOptions& options, const Json& inspected) {
  std::vector<Job> jobs;
  if (names_file(options.target) && chosen(options, "exports")) jobs.push_back({"exports", "", ""});
  for (const auto& component : inspected["components"]) {
    const std::string kind = component["kind"];
    for (const Check& check : checks()) {
      const auto kinds = kinds_of(check);
      const bool fits = std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
      if (fits && chosen(options, check.id)) jobs.push_back({check.id, component["id"].get<std::string>(), kind});
    }
  }
  return jobs;
}

std::string names_of(const Json& components) {
  Words names;
  for (const auto& component : components) {
    names.push_back(component["kind"].get<std::string>() + " " + component["id"].get<std::string>());
  }
  return listed(names);
}

// The plugin did not survive being loaded: nothing else can be checked.
int dead_on_loading(const CheckOptions& options, const Line& line) {
  if (!names_file(options.target)) {
    throw Error(Fault::plugin, "while \"" + options.target + "\" was looked for, a plugin " +
                                   (line.verdict == "timeout" ? "did not finish loading"
                                                              : "ended the process (" + line.message + ")") +
                                   "; check the file itself");
  }
  Result result(options);
  result.begin(options.target, "");
  result.add({"load", "", ""}, line);
  return result.finish();
}

}  // namespace

int check(const CheckOptions& options) {
  if (!options.child.empty()) return check_child(options);
  for (const std::string& id : options.only) find_check(id);
  if (options.list) {
    list_checks(options.json);
    return 0;
  }
  const conformance::Ending ending = inspect(options);
  const Job loading{"load", "", ""};
  Line loaded = line_of(ending, loading_limit(options));
  if (loaded.verdict == "timeout" || loaded.verdict == "crashed") return dead_on_loading(options, loaded);
  const Json inspected = report_of(ending);
  if (!inspected.contains("components"))
    throw Error(static_cast<Fault>(inspected.value("fault", static_cast<int>(Fault::plugin))),
                inspected.value("message", ""));

  const std::vector<Job> jobs = jobs_for(options, inspected);
  const bool says_loaded = names_file(options.target) && chosen(options, "load");
  if (jobs.empty() && !says_loaded) {
    throw Error(Fault::usage, "none of the checks that --only names is for " + names_of(inspected["components"]) +
                                  "; `attune check --list` says which are");
  }
  Result result(options);
  const std::string path = inspected["path"];
  result.begin(path, inspected["plugin"].get<std::string>() + " " + inspected["version"].get<std::string>());
  loaded.verdict = "passed";
  loaded.message = "registers " + names_of(inspected["components"]);
  if (says_loaded) result.add(loading, loaded);
  std::vector<Words> arguments;
  for (const Job& job : jobs) arguments.push_back(child_arguments(options, job.check, job.component, path));
  run_children(arguments, std::chrono::seconds(options.timeout), [&](size_t job, const conformance::Ending& done) {
    result.add(jobs[job], line_of(done, options.timeout));
  });
  return result.finish();
}

}  // namespace attune::cli
