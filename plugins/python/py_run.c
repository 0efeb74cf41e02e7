/* SPDX-License-Identifier: Apache-2.0 */
/* A call of the server as a call of smbkit.py: arguments to Python, its answer back. */
#include "py_priv.h"

#include <string.h>

smbkit_status py_status_take(void)
{
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace) {
        PyException_SetTraceback(value, trace);
    }
    PyObject *told = value ? PyObject_CallMethod(py_mount, "_status_of", "O", value) : NULL;
    long status = told ? PyLong_AsLong(told) : SMBKIT_STATUS_IO_DEVICE_ERROR;
    if (PyErr_Occurred()) { /* the exception of an exception */
        PyErr_Clear();
        status = SMBKIT_STATUS_IO_DEVICE_ERROR;
    }
    Py_XDECREF(told);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return smbkit_status_is_answer((smbkit_status)status) ? (smbkit_status)status
                                                          : SMBKIT_STATUS_IO_DEVICE_ERROR;
}

/* Ends a call whose answer is not looked at. Takes the reference. */
static smbkit_status nothing(PyObject *answer)
{
    if (!answer) {
        return py_status_take();
    }
    Py_DECREF(answer);
    return SMBKIT_STATUS_SUCCESS;
}

/* ---- attributes ---- */

/* (attributes, size, mtime, ctime, atime, birth, id) */
static int attr_from(PyObject *told, struct smbkit_attr *attr)
{
    unsigned attributes;
    unsigned long long size;
    unsigned long long times[4];
    unsigned long long id;
    if (!PyArg_ParseTuple(told, "IKKKKKK", &attributes, &size, &times[0], &times[1], &times[2],
                          &times[3], &id)) {
        return -1;
    }
    attr->attributes = attributes;
    attr->size = size;
    attr->write_time = times[0];
    attr->change_time = times[1];
    attr->access_time = times[2];
    attr->create_time = times[3];
    attr->file_id = id;
    attr->valid |= SMBKIT_HAS_SIZE | SMBKIT_HAS_ATTRIBUTES;
    return 0;
}

static smbkit_status describe(PyObject *told, struct smbkit_attr *attr)
{
    int err = told ? attr_from(told, attr) : -1;
    smbkit_status status = err ? py_status_take() : SMBKIT_STATUS_SUCCESS;
    Py_XDECREF(told);
    return status;
}

/* ---- files ---- */

static smbkit_status run_create(struct py_call *c)
{
    struct smbkit_create *how = c->args;
    PyObject *told = PyObject_CallMethod(c->volume->mount, "create", "sIIII", how->path,
                                         how->disposition, how->kind, how->access, how->attributes);
    PyObject *file = NULL;
    PyObject *attr = NULL;
    if (!told || !PyArg_ParseTuple(told, "OO", &file, &attr) || attr_from(attr, how->attr) != 0) {
        smbkit_status status = py_status_take();
        Py_XDECREF(told);
        return status;
    }
    Py_INCREF(file);
    how->file = file;
    Py_DECREF(told);
    return SMBKIT_STATUS_SUCCESS;
}

static smbkit_status run_lookup(struct py_call *c)
{
    struct smbkit_lookup *how = c->args;
    return describe(PyObject_CallMethod(c->volume->mount, "lookup", "s", how->path), how->attr);
}

static smbkit_status run_getattr(struct py_call *c)
{
    return describe(PyObject_CallMethod(c->volume->mount, "getattr", "O", c->file), c->args);
}

static smbkit_status run_setattr(struct py_call *c)
{
    const struct smbkit_attr *a = c->args;
    return nothing(PyObject_CallMethod(
        c->volume->mount, "setattr", "OII(KKKK)", c->file, a->valid, a->attributes,
        (unsigned long long)a->create_time, (unsigned long long)a->access_time,
        (unsigned long long)a->write_time, (unsigned long long)a->change_time));
}

static smbkit_status run_close(struct py_call *c)
{
    smbkit_status status = nothing(PyObject_CallMethod(c->volume->mount, "close", "O", c->file));
    Py_DECREF((PyObject *)c->file);
    return status;
}

/* ---- directories ---- */

/* 1: taken, 0: full, -1: an exception. */
static int give_entry(struct smbkit_sink *sink, PyObject *row, uint64_t cookie)
{
    const char *name;
    PyObject *told;
    struct smbkit_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.struct_size = sizeof(attr);
    if (!PyArg_ParseTuple(row, "sO", &name, &told) ||
        (told != Py_None && attr_from(told, &attr) != 0)) {
        return -1;
    }
    struct smbkit_entry entry = {.struct_size = sizeof(entry),
                                 .name = name,
                                 .cookie = cookie,
                                 .attr = told == Py_None ? NULL : &attr};
    return sink->entry(sink, &entry) ? 1 : 0;
}

/* The names as they were when the listing began; kept with the open. */
static PyObject *names_of(struct py_call *c, int is_first)
{
    PyObject *names = is_first ? PyObject_CallMethod(c->volume->mount, "names", "O", c->file)
                               : PyObject_GetAttrString(c->file, "names");
    if (names == Py_None) { /* in the middle of one that this open has not begun */
        Py_DECREF(names);
        names = PyObject_CallMethod(c->volume->mount, "names", "O", c->file);
    }
    if (names && PyObject_SetAttrString(c->file, "names", names) != 0) {
        Py_CLEAR(names);
    }
    return names;
}

static smbkit_status run_enumerate(struct py_call *c)
{
    struct smbkit_sink *sink = c->args;
    PyObject *names = names_of(c, sink->cookie == 0);
    if (!names) {
        return py_status_take();
    }
    Py_ssize_t count = PyList_Size(names);
    int taken = count < 0 ? -1 : 1;
    for (Py_ssize_t i = (Py_ssize_t)sink->cookie; taken > 0 && i < count; i++) {
        taken = give_entry(sink, PyList_GetItem(names, i), (uint64_t)i + 1);
    }
    smbkit_status status = taken < 0 ? py_status_take() : SMBKIT_STATUS_SUCCESS;
    Py_DECREF(names);
    return status;
}

/* ---- data ---- */

static smbkit_status run_read(struct py_call *c)
{
    struct smbkit_io *io = c->args;
    PyObject *data = PyObject_CallMethod(c->volume->mount, "read", "OKI", c->file,
                                         (unsigned long long)io->offset, io->length);
    Py_buffer view;
    if (!data || PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) != 0) {
        Py_XDECREF(data);
        return py_status_take();
    }
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    uint8_t *room = smbkit_io_buffer(io);
    if ((uint64_t)view.len > io->length) {
        smbkit_log(0, "python read() returned %lld bytes, %u were asked for", (long long)view.len,
                   io->length);
        status = SMBKIT_STATUS_IO_DEVICE_ERROR;
    } else if (!room) {
        status = SMBKIT_STATUS_NO_MEMORY;
    } else {
        memcpy(room, view.buf, (size_t)view.len);
        io->done = (uint32_t)view.len;
    }
    PyBuffer_Release(&view);
    Py_DECREF(data);
    return status;
}

static PyObject *data_of(const struct smbkit_io *io)
{
    PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)io->length);
    char *at = data ? PyBytes_AsString(data) : NULL;
    for (uint32_t i = 0; at && i < io->seg_count; i++) {
        memcpy(at, io->segs[i].base, (size_t)io->segs[i].len);
        at += io->segs[i].len;
    }
    return data;
}

static smbkit_status run_write(struct py_call *c)
{
    struct smbkit_io *io = c->args;
    PyObject *data = data_of(io);
    PyObject *offset =
        io->flags & SMBKIT_IO_APPEND ? Py_NewRef(Py_None) : PyLong_FromUnsignedLongLong(io->offset);
    PyObject *done = data && offset ? PyObject_CallMethod(c->volume->mount, "write", "OOO", c->file,
                                                          offset, data)
                                    : NULL;
    unsigned long long n = done ? PyLong_AsUnsignedLongLong(done) : 0;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (PyErr_Occurred()) {
        status = py_status_take();
    } else if (n > io->length) {
        status = SMBKIT_STATUS_IO_DEVICE_ERROR;
    } else {
        io->done = (uint32_t)n;
    }
    Py_XDECREF(done);
    Py_XDECREF(offset);
    Py_XDECREF(data);
    if (SMBKIT_OK(status) && io->flags & SMBKIT_IO_WRITE_THROUGH) {
        status = nothing(PyObject_CallMethod(c->volume->mount, "flush", "O", c->file));
    }
    return status;
}

static smbkit_status run_flush(struct py_call *c)
{
    return nothing(PyObject_CallMethod(c->volume->mount, "flush", "O", c->file));
}

static smbkit_status run_commit(struct py_call *c)
{
    return nothing(PyObject_CallMethod(c->volume->mount, "commit", "O", c->file));
}

static smbkit_status run_set_size(struct py_call *c)
{
    const struct smbkit_size *size = c->args;
    return nothing(PyObject_CallMethod(c->volume->mount, "set_size", "OK", c->file,
                                       (unsigned long long)size->size));
}

/* ---- changes ---- */

static smbkit_status run_remove(struct py_call *c)
{
    return nothing(PyObject_CallMethod(c->volume->mount, "remove", "O", c->file));
}

static smbkit_status run_rename(struct py_call *c)
{
    const struct smbkit_rename *how = c->args;
    return nothing(PyObject_CallMethod(c->volume->mount, "rename", "OsN", c->file, how->new_path,
                                       PyBool_FromLong(how->flags & SMBKIT_RENAME_REPLACE)));
}

/* ---- the volume ---- */

static smbkit_status run_volume_info(struct py_call *c)
{
    struct smbkit_volume_info *info = c->args;
    unsigned long long total;
    unsigned long long free_now;
    PyObject *told = PyObject_CallMethod(c->volume->mount, "space", NULL);
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (!told || (told != Py_None && !PyArg_ParseTuple(told, "KK", &total, &free_now))) {
        status = py_status_take();
    } else if (told != Py_None) {
        info->total_bytes = total;
        info->free_bytes = free_now;
        info->available_bytes = free_now;
    }
    Py_XDECREF(told);
    return status;
}

static smbkit_status run_control(struct py_call *c)
{
    struct smbkit_control *control = c->args;
    PyObject *told = PyObject_CallMethod(c->volume->mount, "control", "s", control->command);
    PyObject *text = told ? PyObject_Str(told) : NULL;
    Py_ssize_t len = 0;
    const char *utf8 = text ? PyUnicode_AsUTF8AndSize(text, &len) : NULL;
    smbkit_status status = SMBKIT_STATUS_SUCCESS;
    if (!utf8) {
        status = py_status_take();
    } else {
        control->text.len = (uint32_t)len + 1;
        if (control->text.len > control->text.cap) {
            status = SMBKIT_STATUS_BUFFER_TOO_SMALL;
        } else {
            memcpy(control->text.base, utf8, (size_t)len + 1);
        }
    }
    Py_XDECREF(text);
    Py_XDECREF(told);
    return status;
}

smbkit_status py_run(struct py_call *call)
{
    static smbkit_status (*const functions[])(struct py_call * c) = {
        [SMBKIT_OP_volume_info] = run_volume_info,
        [SMBKIT_OP_create] = run_create,
        [SMBKIT_OP_lookup] = run_lookup,
        [SMBKIT_OP_enumerate] = run_enumerate,
        [SMBKIT_OP_rename] = run_rename,
        [SMBKIT_OP_remove] = run_remove,
        [SMBKIT_OP_getattr] = run_getattr,
        [SMBKIT_OP_setattr] = run_setattr,
        [SMBKIT_OP_read] = run_read,
        [SMBKIT_OP_write] = run_write,
        [SMBKIT_OP_flush] = run_flush,
        [SMBKIT_OP_commit] = run_commit,
        [SMBKIT_OP_set_size] = run_set_size,
        [SMBKIT_OP_control] = run_control,
        [PY_CLOSE] = run_close,
    };
    return functions[call->id](call);
}
