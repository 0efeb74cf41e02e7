// SPDX-License-Identifier: Apache-2.0
// grove: every callback of a tree (smbkit/tree.h), in C++17, each answered by a thread of the
// plugin's own after the call has returned PENDING. The store is a map of names to texts; it takes
// back what it gave when clients give up.
#include <smbkit/tree.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace
{

using Store = std::map<std::string, std::string>;

struct Grove {
    smbkit_tree *tree = nullptr;
    std::mutex lock; // guards what follows
    std::condition_variable wakes;
    std::deque<std::function<void()>> queue;
    bool ends = false;
    Store store;
    std::string log; // what was asked, a word each
    std::thread thread;
};

Grove *grove(smbkit_tree_call *c)
{
    return static_cast<Grove *>(smbkit_tree_data(c->tree));
}

void work(Grove *g)
{
    std::unique_lock<std::mutex> guard(g->lock);
    for (;;) {
        g->wakes.wait(guard, [g] { return g->ends || !g->queue.empty(); });
        if (g->queue.empty()) {
            return;
        }
        auto job = std::move(g->queue.front());
        g->queue.pop_front();
        guard.unlock();
        job();
        guard.lock();
    }
}

// The answer comes from the thread.
smbkit_status later(smbkit_tree_call *c, const char *word, std::function<smbkit_status()> fn)
{
    Grove *g = grove(c);
    std::lock_guard<std::mutex> guard(g->lock);
    g->log += std::string(word) + "\n";
    g->queue.push_back([c, fn] { smbkit_tree_done(c, fn()); });
    g->wakes.notify_one();
    return SMBKIT_STATUS_PENDING;
}

std::string text_of(Grove *g, const std::string &name)
{
    std::lock_guard<std::mutex> guard(g->lock);
    auto found = g->store.find(name);
    return found == g->store.end() ? std::string() : found->second;
}

// ---- files, whose arg is their name in the store ----

std::string *name_of(void *arg)
{
    return static_cast<std::string *>(arg);
}

void name_free(void *arg)
{
    delete name_of(arg);
}

smbkit_status file_load(smbkit_tree_call *c, smbkit_tree_load *l)
{
    return later(c, "load", [c, l] {
        auto *text = new std::string(text_of(grove(c), *name_of(c->arg)));
        l->data = text->data();
        l->size = text->size();
        l->release = name_free;
        l->release_arg = text;
        return SMBKIT_STATUS_SUCCESS;
    });
}

smbkit_status file_stat(smbkit_tree_call *c, smbkit_attr *attr)
{
    return later(c, "stat", [c, attr] {
        attr->size = text_of(grove(c), *name_of(c->arg)).size();
        return SMBKIT_STATUS_SUCCESS;
    });
}

smbkit_status file_commit(smbkit_tree_call *c, void *, const smbkit_tree_commit *what)
{
    return later(c, "commit", [c, what] {
        Grove *g = grove(c);
        std::string text(static_cast<const char *>(what->data), size_t(what->size));
        if (text.find("wrong") != std::string::npos) {
            return smbkit_status(SMBKIT_STATUS_DISK_FULL);
        }
        std::lock_guard<std::mutex> guard(g->lock);
        g->store[*name_of(c->arg)] = text;
        return smbkit_status(SMBKIT_STATUS_SUCCESS);
    });
}

smbkit_tree_file loaded()
{
    smbkit_tree_file f{};
    f.struct_size = sizeof f;
    f.load = file_load;
    f.stat = file_stat;
    f.commit = file_commit;
    return f;
}
const smbkit_tree_file loaded_file = loaded();

smbkit_status direct_open(smbkit_tree_call *c, uint32_t, void **handle_r)
{
    return later(c, "open", [c, handle_r] {
        *handle_r = new std::string(text_of(grove(c), *name_of(c->arg)));
        return SMBKIT_STATUS_SUCCESS;
    });
}

smbkit_status direct_read(smbkit_tree_call *c, void *handle, smbkit_io *io)
{
    return later(c, "read", [handle, io] {
        auto *text = static_cast<std::string *>(handle);
        size_t at = io->offset < text->size() ? size_t(io->offset) : text->size();
        size_t n = text->copy(reinterpret_cast<char *>(smbkit_io_buffer(io)), io->length, at);
        io->done = uint32_t(n);
        return SMBKIT_STATUS_SUCCESS;
    });
}

smbkit_status direct_write(smbkit_tree_call *c, void *handle, smbkit_io *io)
{
    return later(c, "write", [handle, io] {
        auto *text = static_cast<std::string *>(handle);
        if (io->offset + io->length > 1 << 20) {
            return smbkit_status(SMBKIT_STATUS_DISK_FULL);
        }
        text->resize(std::max(text->size(), size_t(io->offset + io->length)));
        size_t at = size_t(io->offset);
        for (uint32_t i = 0; i < io->seg_count; i++) {
            text->replace(at, size_t(io->segs[i].len),
                          reinterpret_cast<const char *>(io->segs[i].base), size_t(io->segs[i].len));
            at += size_t(io->segs[i].len);
        }
        io->done = io->length;
        return smbkit_status(SMBKIT_STATUS_SUCCESS);
    });
}

smbkit_status direct_set_size(smbkit_tree_call *c, void *handle, uint64_t size)
{
    return later(c, "set_size", [handle, size] {
        if (size > 1 << 20) {
            return smbkit_status(SMBKIT_STATUS_DISK_FULL);
        }
        static_cast<std::string *>(handle)->resize(size_t(size));
        return smbkit_status(SMBKIT_STATUS_SUCCESS);
    });
}

smbkit_status direct_flush(smbkit_tree_call *c, void *)
{
    return later(c, "flush", [] { return SMBKIT_STATUS_SUCCESS; });
}

smbkit_status direct_commit(smbkit_tree_call *c, void *handle, const smbkit_tree_commit *)
{
    return later(c, "commit", [c, handle] {
        Grove *g = grove(c);
        std::lock_guard<std::mutex> guard(g->lock);
        g->store[*name_of(c->arg)] = *static_cast<std::string *>(handle);
        return SMBKIT_STATUS_SUCCESS;
    });
}

void direct_close(void *, void *handle)
{
    name_free(handle);
}

smbkit_tree_file direct()
{
    smbkit_tree_file f{};
    f.struct_size = sizeof f;
    f.stat = file_stat;
    f.open = direct_open;
    f.read = direct_read;
    f.write = direct_write;
    f.set_size = direct_set_size;
    f.flush = direct_flush;
    f.commit = direct_commit;
    f.close = direct_close;
    return f;
}
const smbkit_tree_file direct_file = direct();

// ---- the folder ----

// Names with an 'x' at their end are read and written call by call, the others as a whole.
void describe(smbkit_tree_entry *e, const std::string &name)
{
    e->file = name.back() == 'x' ? &direct_file : &loaded_file;
    e->flags = SMBKIT_TREE_WRITABLE;
    e->arg = new std::string(name);
    e->release = name_free;
}

smbkit_status folder_fill(smbkit_tree_call *c)
{
    return later(c, "fill", [c] {
        Grove *g = grove(c);
        Store copy;
        {
            std::lock_guard<std::mutex> guard(g->lock);
            copy = g->store;
        }
        for (const auto &row : copy) {
            smbkit_tree_entry e = smbkit_tree_entry_new(row.first.c_str());
            describe(&e, row.first);
            smbkit_status status = smbkit_tree_add(c->tree, c->id, &e, nullptr);
            if (!SMBKIT_OK(status)) {
                return status;
            }
        }
        return smbkit_status(SMBKIT_STATUS_SUCCESS);
    });
}

smbkit_status folder_lookup(smbkit_tree_call *c, const char *name)
{
    return later(c, "lookup", [c, name] {
        if (std::string(name).rfind("made ", 0) != 0) {
            return smbkit_status(SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND);
        }
        return smbkit_tree_add_text(c->tree, c->id, name, name);
    });
}

smbkit_status folder_create(smbkit_tree_call *c, smbkit_tree_create *how)
{
    return later(c, "create", [how] {
        if (how->kind != SMBKIT_KIND_FILE) {
            return smbkit_status(SMBKIT_STATUS_ACCESS_DENIED);
        }
        describe(how->entry, how->name);
        return smbkit_status(SMBKIT_STATUS_SUCCESS);
    });
}

smbkit_status folder_rename(smbkit_tree_call *c, const smbkit_tree_move *how)
{
    return later(c, "rename", [c, how] {
        Grove *g = grove(c);
        std::lock_guard<std::mutex> guard(g->lock);
        g->store[how->to_name] = g->store[how->from_name];
        g->store.erase(how->from_name);
        *name_of(how->arg) = how->to_name;
        return SMBKIT_STATUS_SUCCESS;
    });
}

smbkit_status folder_remove(smbkit_tree_call *c, smbkit_tree_id, void *arg)
{
    return later(c, "remove", [c, arg] {
        Grove *g = grove(c);
        std::lock_guard<std::mutex> guard(g->lock);
        g->store.erase(*name_of(arg));
        return SMBKIT_STATUS_SUCCESS;
    });
}

smbkit_status folder_setattr(smbkit_tree_call *c, smbkit_tree_id, const smbkit_attr *)
{
    return later(c, "setattr", [] { return SMBKIT_STATUS_SUCCESS; });
}

smbkit_tree_folder folder()
{
    smbkit_tree_folder f{};
    f.struct_size = sizeof f;
    f.fill = folder_fill;
    f.lookup = folder_lookup;
    f.create = folder_create;
    f.rename = folder_rename;
    f.remove = folder_remove;
    f.setattr = folder_setattr;
    return f;
}
const smbkit_tree_folder store_folder = folder();

// What was asked so far.
smbkit_status log_load(smbkit_tree_call *c, smbkit_tree_load *l)
{
    Grove *g = grove(c);
    std::lock_guard<std::mutex> guard(g->lock);
    auto *text = new std::string(g->log);
    l->data = text->data();
    l->size = text->size();
    l->release = name_free;
    l->release_arg = text;
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_tree_file fresh_log()
{
    smbkit_tree_file f{};
    f.struct_size = sizeof f;
    f.flags = SMBKIT_TREE_FRESH;
    f.load = log_load;
    return f;
}
const smbkit_tree_file log_file = fresh_log();

// ---- the volume ----

smbkit_status user_root(smbkit_tree_call *c, smbkit_tree_id *root_r)
{
    return later(c, "root", [root_r] {
        *root_r = SMBKIT_TREE_ROOT;
        return SMBKIT_STATUS_SUCCESS;
    });
}

void missed(void *arg, smbkit_tree_id, const char *)
{
    Grove *g = static_cast<Grove *>(arg);
    std::lock_guard<std::mutex> guard(g->lock);
    g->log += "missed\n";
}

void stop(void *arg)
{
    Grove *g = static_cast<Grove *>(arg);
    {
        std::lock_guard<std::mutex> guard(g->lock);
        g->ends = true;
    }
    g->wakes.notify_all();
    g->thread.join(); // when all that was queued has been answered
}

void release(void *arg)
{
    delete static_cast<Grove *>(arg);
}

smbkit_status grove_open(smbkit_volume_args *args, void **volume_r)
{
    smbkit_status status = smbkit_args_take(args, nullptr, nullptr);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    Grove *g = new Grove;
    g->store = {{"a", "text of a"}, {"b:", "text of b"}, {"x", "text of x"}};
    smbkit_tree_spec spec = smbkit_tree_spec_new();
    spec.root = &store_folder;
    spec.arg = g;
    spec.stop = stop;
    spec.release = release;
    spec.user_root = user_root;
    spec.missed = missed;
    status = smbkit_tree_open(args, &spec, volume_r);
    if (SMBKIT_OK(status)) {
        g->tree = static_cast<smbkit_tree *>(*volume_r);
        g->thread = std::thread(work, g);
        smbkit_tree_add_file(g->tree, SMBKIT_TREE_ROOT, "asked", &log_file, nullptr);
    }
    return status;
}

} // namespace

SMBKIT_TREE_PLUGIN(grove, "grove", "every callback of a tree, answered later", grove_open, nullptr)
