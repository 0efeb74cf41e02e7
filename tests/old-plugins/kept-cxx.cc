// SPDX-License-Identifier: Apache-2.0
// The same in C++.
#include <cstring>
#include <smbkit/plugin.h>

namespace {

const char text[] = "Hello from an older build.\n";
int root;
int file;

void describe(const void *what, smbkit_attr *attr)
{
    attr->attributes = what == &root ? SMBKIT_ATTR_DIRECTORY : SMBKIT_ATTR_READONLY;
    attr->size = what == &root ? 0 : sizeof(text) - 1;
    attr->file_id = what == &root ? 1 : 2;
}

smbkit_status volume_open(smbkit_volume_args *args, void **volume_r)
{
    args->features = SMBKIT_FEATURE_NEVER_BLOCKS;
    *volume_r = nullptr;
    return smbkit_args_take(args, nullptr, nullptr);
}

smbkit_status create(void *, smbkit_op *, smbkit_create *how)
{
    bool is_root = how->path[0] == '\0';
    if (!is_root && std::strcmp(how->path, "hello.txt") != 0) {
        return SMBKIT_STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (how->kind == (is_root ? SMBKIT_KIND_FILE : SMBKIT_KIND_DIRECTORY)) {
        return is_root ? SMBKIT_STATUS_FILE_IS_A_DIRECTORY : SMBKIT_STATUS_NOT_A_DIRECTORY;
    }
    how->file = is_root ? &root : &file;
    describe(how->file, how->attr);
    return SMBKIT_STATUS_SUCCESS;
}

void close(void *, smbkit_op *, void *)
{
}

smbkit_status getattr(void *, smbkit_op *, void *what, smbkit_attr *attr)
{
    describe(what, attr);
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status enumerate(void *, smbkit_op *, void *, smbkit_sink *sink)
{
    smbkit_attr attr{};
    smbkit_entry entry{};
    attr.struct_size = sizeof(attr);
    entry.struct_size = sizeof(entry);
    entry.name = "hello.txt";
    entry.cookie = 1;
    entry.attr = &attr;
    describe(&file, &attr);
    if (sink->cookie == 0) {
        sink->entry(sink, &entry);
    }
    return SMBKIT_STATUS_SUCCESS;
}

smbkit_status read(void *, smbkit_op *, void *, smbkit_io *io)
{
    uint64_t size = sizeof(text) - 1;
    uint64_t left = io->offset < size ? size - io->offset : 0;
    io->done = static_cast<uint32_t>(left < io->length ? left : io->length);
    uint8_t *room = smbkit_io_buffer(io);
    if (!room) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    std::memcpy(room, text + (size - left), io->done);
    return SMBKIT_STATUS_SUCCESS;
}

const smbkit_plugin plugin = [] {
    smbkit_plugin p{};
    p.struct_size = sizeof(p);
    p.api_version = SMBKIT_API_VERSION;
    p.thread_model = SMBKIT_PARALLEL;
    p.name = "kept-cxx";
    p.description = "one file, for a test";
    p.version = "0";
    p.volume_open = volume_open;
    p.create = create;
    p.close = close;
    p.enumerate = enumerate;
    p.getattr = getattr;
    p.read = read;
    return p;
}();

} // namespace

SMBKIT_REGISTER(plugin)
