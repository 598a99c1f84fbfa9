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
template <typename Result>
class ReadAhead {
 public:
  using Work = std::function<Result()>;                 // by several threads at once; must not throw
  using Next = std::function<Work()>;                   // none at the end; by one thread at a time
  using Bytes = std::function<int64_t(const Result&)>;  // that a waiting result takes

  // At most `most` results wait or are under way.
  ReadAhead(Next next, Bytes bytes, int64_t most, int threads)
      : next_(std::move(next)), bytes_(std::move(bytes)), most_(most) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this](const std::stop_token& stopping) { run_jobs(stopping); });
    }
  }
  // All at once, before one after the other is waited for.
  ~ReadAhead() {
    for (std::jthread& thread : threads_) thread.request_stop();
  }

  // The next result in order; nothing at the end. By one thread.
  std::optional<Result> next() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return done_.count(delivered_) || (exhausted_ && delivered_ == claimed_); });
    const auto found = done_.find(delivered_);
    if (found == done_.end()) return {};
    Result result = std::move(found->second);
    done_.erase(found);
    ++delivered_;
    waiting_bytes_ -= bytes_(result);
    room_.notify_all();
    return result;
  }

 private:
  bool may_claim() const {
    const int64_t out = claimed_ - delivered_;
    return out == 0 || (out < most_ && waiting_bytes_ < most_bytes_ahead);
  }

  void run_jobs(const std::stop_token& stopping) {
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock, stopping, [this] { return exhausted_ || may_claim(); });
      if (stopping.stop_requested() || exhausted_) return;
      const Work work = next_();
      if (!work) {
        exhausted_ = true;
        room_.notify_all();
        ready_.notify_all();
        return;
      }
      const int64_t ticket = claimed_++;
      lock.unlock();
      Result result = work();
      lock.lock();
      waiting_bytes_ += bytes_(result);
      done_.emplace(ticket, std::move(result));
      ready_.notify_all();
    }
  }

  const Next next_;
  const Bytes bytes_;
  const int64_t most_;

  std::mutex mutex_;  // of all that follows but the threads
  std::condition_variable_any room_;
  std::condition_variable ready_;
  std::map<int64_t, Result> done_;
  int64_t claimed_ = 0;
  int64_t delivered_ = 0;
  int64_t waiting_bytes_ = 0;
  bool exhausted_ = false;
  std::vector<std::jthread> threads_;
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
