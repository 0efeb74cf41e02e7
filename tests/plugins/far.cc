// SPDX-License-Identifier: Apache-2.0
// far: a read-only file system whose one file lies with a server on another port, in C++17. It uses
// what the server lends: a watched descriptor for the connection, a timer for answers that do not
// come, a worker for what takes long, and the administration for a file that lists the sessions.
// A request is the line "ID OFFSET LENGTH", its answer the line "ID LENGTH" and as many bytes.
#include <smbkit/plugin.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace
{

constexpr uint64_t DATA_SIZE = 1 << 20;
constexpr uint64_t SHORT_SIZE = 1 << 16; // of what is made when it is read
constexpr uint64_t TICK_MS = 50;

enum Node : int { ROOT, DATA, DIGEST, SESSIONS, NODES };
const char *const names[NODES] = {"", "data", "digest", "sessions"};

struct Volume;

struct Request {
    Volume *volume;
    smbkit_op *op;
    smbkit_io *io;
    uint32_t id;
    uint64_t since_ms;
};

struct Volume {
    smbkit_host *host;
    int fd = -1;
    uint64_t patience_ms = 10000;
    smbkit_fd_watch *watch = nullptr;
    smbkit_timer *timer = nullptr;

    std::mutex lock; // guards what follows
    uint32_t next_id = 1;
    std::map<uint32_t, Request *> requests; // sent, and not ended
    std::string out;
    std::string in;
};

uint64_t now_ms()
{
    timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return uint64_t(ts.tv_sec) * 1000 + uint64_t(ts.tv_nsec) / 1000000;
}

// Who takes a request out of the map ends it.
bool take(Request *r)
{
    std::lock_guard<std::mutex> guard(r->volume->lock);
    return r->volume->requests.erase(r->id) != 0;
}

void end(Request *r, smbkit_status status)
{
    smbkit_complete(r->op, status);
    delete r;
}

void on_cancel(void *arg)
{
    Request *r = static_cast<Request *>(arg);
    if (take(r)) {
        end(r, SMBKIT_STATUS_CANCELLED);
    }
}

// ---- the connection ----

void send_some(Volume *v)
{
    while (!v->out.empty()) {
        ssize_t n = send(v->fd, v->out.data(), v->out.size(), MSG_NOSIGNAL);
        if (n <= 0) {
            break;
        }
        v->out.erase(0, size_t(n));
    }
    smbkit_fd_watch_set(v->watch,
                        SMBKIT_FD_READABLE | (v->out.empty() ? 0 : SMBKIT_FD_WRITABLE));
}

// One whole answer; its request is nullptr when it was given up.
bool answer_take(Volume *v, Request **r_r, std::string *data)
{
    size_t line = v->in.find('\n');
    unsigned id = 0, length = 0;
    if (line == std::string::npos || sscanf(v->in.c_str(), "%u %u", &id, &length) != 2 ||
        v->in.size() - line - 1 < length) {
        return false;
    }
    *data = v->in.substr(line + 1, length);
    v->in.erase(0, line + 1 + length);
    auto found = v->requests.find(id);
    *r_r = found == v->requests.end() ? nullptr : found->second;
    if (*r_r) {
        v->requests.erase(found);
    }
    return true;
}

void answer_give(Request *r, const std::string &data)
{
    size_t n = data.size() < r->io->length ? data.size() : r->io->length;
    uint8_t *to = smbkit_io_buffer(r->io);
    if (to) {
        memcpy(to, data.data(), n);
        r->io->done = uint32_t(n);
    }
    end(r, to ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY);
}

void receive_all(Volume *v)
{
    char buf[65536];
    for (ssize_t n; (n = recv(v->fd, buf, sizeof buf, 0)) > 0;) {
        std::lock_guard<std::mutex> guard(v->lock);
        v->in.append(buf, size_t(n));
    }
    for (;;) {
        Request *r = nullptr;
        std::string data;
        {
            std::lock_guard<std::mutex> guard(v->lock);
            if (!answer_take(v, &r, &data)) {
                return;
            }
        }
        if (r) {
            answer_give(r, data);
        }
    }
}

void on_ready(void *arg, uint32_t ready)
{
    Volume *v = static_cast<Volume *>(arg);
    if (ready & (SMBKIT_FD_READABLE | SMBKIT_FD_ERROR)) {
        receive_all(v);
    }
    std::lock_guard<std::mutex> guard(v->lock);
    if (ready & SMBKIT_FD_ERROR) {
        smbkit_fd_watch_set(v->watch, 0); // the timer ends what waits
    } else {
        send_some(v);
    }
}

void on_tick(void *arg)
{
    Volume *v = static_cast<Volume *>(arg);
    std::vector<Request *> late;
    {
        std::lock_guard<std::mutex> guard(v->lock);
        for (auto at = v->requests.begin(); at != v->requests.end();) {
            bool is_late = now_ms() - at->second->since_ms >= v->patience_ms;
            if (is_late) {
                late.push_back(at->second);
            }
            at = is_late ? v->requests.erase(at) : std::next(at);
        }
    }
    for (Request *r : late) {
        end(r, SMBKIT_STATUS_IO_TIMEOUT);
    }
    smbkit_timer_set(v->timer, TICK_MS);
}

// ---- the volume ----

bool connect_to(Volume *v, unsigned port)
{
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(uint16_t(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return v->fd >= 0 && connect(v->fd, reinterpret_cast<sockaddr *>(&to), sizeof to) == 0 &&
           fcntl(v->fd, F_SETFL, O_NONBLOCK) == 0;
}

void volume_close(void *volume)
{
    Volume *v = static_cast<Volume *>(volume);
    smbkit_timer_free(v->timer);
    smbkit_fd_watch_free(v->watch);
    if (v->fd >= 0) {
        close(v->fd);
    }
    delete v;
}

struct Words {
    uint64_t port;
    uint64_t patience_ms;
};
const smbkit_param params[] = {
    {"port", SMBKIT_PARAM_NUMBER, offsetof(Words, port), 1, 65535, nullptr, SMBKIT_PARAM_REQUIRED,
     0},
    {"patience", SMBKIT_PARAM_MS, offsetof(Words, patience_ms), 0, 0, nullptr, 0, 0},
    {}};

smbkit_status volume_open(smbkit_volume_args *args, void **volume_r)
{
    std::unique_ptr<Volume> v(new Volume);
    v->host = args->host;
    Words words{0, v->patience_ms};
    smbkit_status status = smbkit_args_take(args, params, &words);
    if (!SMBKIT_OK(status)) {
        return status;
    }
    v->patience_ms = words.patience_ms;
    unsigned port = unsigned(words.port);
    if (connect_to(v.get(), port)) {
        v->watch = smbkit_fd_watch_new(v->host, v->fd, on_ready, v.get());
        v->timer = smbkit_timer_new(v->host, on_tick, v.get());
    }
    if (!v->watch || !v->timer) {
        snprintf(args->error, args->error_size, "far: port=%u does not answer", port);
        volume_close(v.release());
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    smbkit_fd_watch_set(v->watch, SMBKIT_FD_READABLE);
    smbkit_timer_set(v->timer, TICK_MS);
    args->features = SMBKIT_FEATURE_TRIES_NOWAIT | SMBKIT_FEATURE_READ_ONLY;
    *volume_r = v.release();
    return SMBKIT_STATUS_SUCCESS;
}

// ---- files: a file is its node's number, one up ----

int node_of(void *file)
{
    return int(reinterpret_cast<intptr_t>(file)) - 1;
}

void attr_fill(int node, smbkit_attr *a)
{
    a->attributes = node == ROOT ? SMBKIT_ATTR_DIRECTORY : SMBKIT_ATTR_READONLY;
    a->size = node == ROOT ? 0 : node == DATA ? DATA_SIZE : SHORT_SIZE;
    a->file_id = uint64_t(node) + 1;
}

smbkit_status create(void *, smbkit_op *, smbkit_create *a)
{
    for (int node = ROOT; node < NODES; node++) {
        if (strcmp(a->path, names[node]) != 0) {
            continue;
        }
        if (a->disposition == SMBKIT_CREATE) {
            return SMBKIT_STATUS_OBJECT_NAME_COLLISION;
        }
        if (a->kind == (node == ROOT ? SMBKIT_KIND_FILE : SMBKIT_KIND_DIRECTORY)) {
            return node == ROOT ? SMBKIT_STATUS_FILE_IS_A_DIRECTORY : SMBKIT_STATUS_NOT_A_DIRECTORY;
        }
        a->file = reinterpret_cast<void *>(intptr_t(node) + 1);
        attr_fill(node, a->attr);
        return SMBKIT_STATUS_SUCCESS;
    }
    return strchr(a->path, '/') ? SMBKIT_STATUS_OBJECT_PATH_NOT_FOUND
                                : SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
}

void close_file(void *, smbkit_op *, void *)
{
}

smbkit_status getattr(void *, smbkit_op *, void *file, smbkit_attr *a)
{
    attr_fill(node_of(file), a);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status enumerate(void *, smbkit_op *, void *, smbkit_sink *sink)
{
    for (uint64_t node = sink->cookie + 1; node < NODES; node++) {
        smbkit_attr attr = {};
        attr.struct_size = sizeof attr;
        attr_fill(int(node), &attr);
        smbkit_entry e = {};
        e.struct_size = sizeof e;
        e.name = names[node];
        e.cookie = node;
        e.attr = &attr;
        if (!sink->entry(sink, &e)) {
            break;
        }
    }
    return SMBKIT_STATUS_SUCCESS;
}

// ---- reading ----

// Text that the volume's own makes; the rest of the file is blank.
smbkit_status answer_text(smbkit_io *io, const std::string &text)
{
    std::string all = text;
    all.resize(SHORT_SIZE, ' ');
    uint8_t *to = smbkit_io_buffer(io);
    if (!to) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    uint64_t left = io->offset < SHORT_SIZE ? SHORT_SIZE - io->offset : 0;
    io->done = uint32_t(left < io->length ? left : io->length);
    memcpy(to, all.data() + (left ? io->offset : 0), io->done);
    return SMBKIT_STATUS_SUCCESS;
}

struct Work {
    smbkit_op *op;
    smbkit_io *io;
    Volume *volume;
    smbkit_status (*fn)(Work *w);
};

void work_run(void *arg)
{
    Work *w = static_cast<Work *>(arg);
    smbkit_status status = w->fn(w);
    smbkit_complete(w->op, status);
    delete w;
}

smbkit_status digest(Work *w)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 1000000; i++) {
        sum = sum * 31 + i;
    }
    return answer_text(w->io, "digest " + std::to_string(sum));
}

smbkit_status sessions(Work *w)
{
    const smbkit_admin *admin = smbkit_admin_get(w->volume->host);
    std::string all;
    if (!admin) {
        return SMBKIT_STATUS_ACCESS_DENIED;
    }
    for (const char *what : {"sessions", "opens", "shares", "log"}) {
        char *text = nullptr;
        smbkit_status status = admin->query(admin, what, &text);
        if (!SMBKIT_OK(status)) {
            return status;
        }
        all += std::string(what) + text + "\n";
        admin->release(admin, text);
    }
    char room[256];
    smbkit_buffer answer = {reinterpret_cast<uint8_t *>(room), sizeof room, 0};
    smbkit_status status = admin->act(admin, "{\"command\":\"ping\"}", &answer);
    return SMBKIT_OK(status) ? answer_text(w->io, all + room) : status;
}

smbkit_status read_far(Volume *v, smbkit_op *op, smbkit_io *io)
{
    Request *r = new Request{v, op, io, 0, now_ms()};
    {
        std::lock_guard<std::mutex> guard(v->lock);
        r->id = v->next_id++;
    }
    if (!SMBKIT_OK(smbkit_on_cancel(op, on_cancel, r))) {
        delete r;
        return SMBKIT_STATUS_CANCELLED;
    }
    std::lock_guard<std::mutex> guard(v->lock);
    v->requests[r->id] = r;
    uint64_t size = std::min(uint64_t(io->length), DATA_SIZE - io->offset);
    v->out += std::to_string(r->id) + " " + std::to_string(io->offset) + " " +
              std::to_string(size) + "\n";
    send_some(v);
    return SMBKIT_STATUS_PENDING;
}

smbkit_status read(void *volume, smbkit_op *op, void *file, smbkit_io *io)
{
    Volume *v = static_cast<Volume *>(volume);
    int node = node_of(file);
    if (node == DATA && io->offset >= DATA_SIZE) {
        return SMBKIT_STATUS_SUCCESS; // with none done
    }
    if (node == DATA) {
        return op->flags & SMBKIT_OP_SYNC ? SMBKIT_STATUS_WOULD_BLOCK : read_far(v, op, io);
    }
    Work *w = new Work{op, io, v, node == DIGEST ? digest : sessions};
    smbkit_status status = smbkit_run(v->host, work_run, w);
    if (!SMBKIT_OK(status)) {
        delete w;
        return status;
    }
    return SMBKIT_STATUS_PENDING;
}

smbkit_plugin make_plugin()
{
    smbkit_plugin p = {};
    p.struct_size = sizeof p;
    p.api_version = SMBKIT_API_VERSION;
    p.thread_model = SMBKIT_PARALLEL;
    p.name = "far";
    p.description = "a file that lies elsewhere, for tests";
    p.version = "1";
    p.config_help = "port=N      where it lies\npatience=N  milliseconds\n";
    p.volume_open = volume_open;
    p.volume_close = volume_close;
    p.create = create;
    p.close = close_file;
    p.getattr = getattr;
    p.enumerate = enumerate;
    p.read = read;
    return p;
}

const smbkit_plugin far_plugin = make_plugin();

} // namespace

SMBKIT_REGISTER(far_plugin)
