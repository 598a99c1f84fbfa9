// Work done ahead of whoever needs the results, and what may go wrong with one file among many.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>

namespace attune {

// Results that wait may take this much memory, but for one.
constexpr int64_t most_bytes_ahead = int64_t{256} << 20;

// Threads take tickets in the order of the work; finished results wait under their ticket's number. A ticket is only
// given out while few results and bytes wait, but always when none is out, so that the consumer never starves.
// Destroying it early is fine.
template <typename Work, typename Result>
class ReadAhead {
 public:
  struct Job {
    std::function<std::optional<Work>()> next;    // the next work, nothing at the end; by one thread at a time
    std::function<Result(const Work&)> run;       // by several threads at once; must not throw
    std::function<int64_t(const Result&)> bytes;  // that a waiting result takes
  };

  // At most `most` results wait or are under way.
  ReadAhead(Job job, int64_t most, int threads) : job_(std::move(job)), most_(most) {
    try {
      for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run_jobs(); });
    } catch (...) {
      stop();
      throw;
    }
  }

  ~ReadAhead() { stop(); }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The next result in order; nothing at the end. By one thread.
  std::optional<Result> next() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return done_.count(delivered_) || (exhausted_ && delivered_ == claimed_); });
    const auto found = done_.find(delivered_);
    if (found == done_.end()) return {};
    Result result = std::move(found->second);
    done_.erase(found);
    ++delivered_;
    waiting_bytes_ -= job_.bytes(result);
    room_.notify_all();
    return result;
  }

 private:
  bool may_claim() const {
    const int64_t out = claimed_ - delivered_;
    return out == 0 || (out < most_ && waiting_bytes_ < most_bytes_ahead);
  }

  void run_jobs() {
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock, [this] { return stopping_ || exhausted_ || may_claim(); });
      if (stopping_ || exhausted_) return;
      const std::optional<Work> work = job_.next();
      if (!work) {
        exhausted_ = true;
        room_.notify_all();
        ready_.notify_all();
        return;
      }
      const int64_t ticket = claimed_++;
      lock.unlock();
      Result result = job_.run(*work);
      lock.lock();
      waiting_bytes_ += job_.bytes(result);
      done_.emplace(ticket, std::move(result));
      ready_.notify_all();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  const Job job_;
  const int64_t most_;

  std::mutex mutex_;  // of all that follows but the threads
  std::condition_variable room_;
  std::condition_variable ready_;
  std::map<int64_t, Result> done_;
  int64_t claimed_ = 0;
  int64_t delivered_ = 0;
  int64_t waiting_bytes_ = 0;
  bool exhausted_ = false;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// Does it, and says in one sentence why that failed, beginning with the file's path; "" when it did not. Never throws.
inline std::string attempt(const std::string& path, const std::function<void()>& action) {
  try {
    action();
    return "";
  } catch (const Error& error) {
    return error.what();
  } catch (const std::bad_alloc&) {
    return path + ": there is not enough memory to decode it";
  } catch (const std::exception& error) {
    // LibTorch's messages go on with a stack trace.
    const std::string text = error.what();
    return path + ": cannot be decoded: " + text.substr(0, text.find('\n'));
  } catch (...) {
    return path + ": cannot be decoded";
  }
}

}  // namespace attune
