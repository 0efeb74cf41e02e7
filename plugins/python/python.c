/* SPDX-License-Identifier: Apache-2.0 */
/* A share that a script in Python makes: smbkit-python-plugin(1). */
#include "py_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_DEFAULT 8

struct arguments {
    const char *script;
    uint64_t threads;
    uint64_t keep_ms;
};
static const struct smbkit_param params[] = {
    {.key = "script",
     .kind = SMBKIT_PARAM_TEXT,
     .offset = offsetof(struct arguments, script),
     .min = 1,
     .max = 4096,
     .flags = SMBKIT_PARAM_REQUIRED},
    {.key = "threads",
     .kind = SMBKIT_PARAM_NUMBER,
     .offset = offsetof(struct arguments, threads),
     .min = 1,
     .max = PY_THREADS_MAX},
    {.key = "keep", .kind = SMBKIT_PARAM_MS, .offset = offsetof(struct arguments, keep_ms)},
    {.key = NULL}};

/* ---- the volume ---- */

static int is_ours(const char *key)
{
    for (const struct smbkit_param *p = params; p->key; p++) {
        if (strcmp(p->key, key) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The arguments that are not the plugin's are the script's. */
static PyObject *take_arguments(const struct smbkit_volume_args *args, struct arguments *given,
                                smbkit_status *status_r)
{
    PyObject *others = PyDict_New();
    *status_r = others ? SMBKIT_STATUS_SUCCESS : SMBKIT_STATUS_NO_MEMORY;
    for (uint32_t i = 0; SMBKIT_OK(*status_r) && i < args->arg_count; i++) {
        const struct smbkit_arg *arg = &args->args[i];
        if (is_ours(arg->key)) {
            int32_t row = smbkit_arg_take(args, i, params, given);
            *status_r = row < 0 ? row : SMBKIT_STATUS_SUCCESS;
            continue;
        }
        PyObject *value = PyUnicode_DecodeFSDefault(arg->value);
        if (!value || PyDict_SetItemString(others, arg->key, value) != 0) {
            *status_r = py_status_take();
        }
        Py_XDECREF(value);
    }
    if (SMBKIT_OK(*status_r) && !given->script) {
        snprintf(args->error, args->error_size,
                 "script=FILE is missing: the Python script that makes the files");
        *status_r = SMBKIT_STATUS_INVALID_PARAMETER;
    }
    if (!SMBKIT_OK(*status_r)) {
        Py_CLEAR(others);
    }
    return others;
}

/* What the exception says, for the user. */
static void explain(const struct smbkit_volume_args *args, const char *script)
{
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *trace = NULL;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    PyObject *text = value ? PyObject_Str(value) : NULL;
    const char *utf8 = text ? PyUnicode_AsUTF8(text) : NULL;
    snprintf(args->error, args->error_size, "%s: %s", script, utf8 ? utf8 : "it fails");
    PyErr_Clear();
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
}

static int is_writable(PyObject *mount)
{
    PyObject *told = PyObject_GetAttrString(mount, "is_writable");
    int is = told && PyObject_IsTrue(told) > 0;
    PyErr_Clear();
    Py_XDECREF(told);
    return is;
}

/* The interpreter's lock is held. */
static smbkit_status load(struct py_volume *v, struct smbkit_volume_args *args)
{
    struct arguments given = {.threads = THREADS_DEFAULT, .keep_ms = 1000};
    smbkit_status status;
    PyObject *others = take_arguments(args, &given, &status);
    if (!others) {
        return status;
    }
    v->thread_count = (uint32_t)given.threads;
    v->mount = PyObject_CallMethod(py_mount, "_mount", "sOdK", given.script, others,
                                   (double)given.keep_ms / 1000.0, (unsigned long long)v->number);
    Py_DECREF(others);
    if (!v->mount) {
        explain(args, given.script);
        return SMBKIT_STATUS_INVALID_PARAMETER;
    }
    args->features = SMBKIT_FEATURE_TRIES_NOWAIT;
    args->features |= is_writable(v->mount) ? 0 : SMBKIT_FEATURE_READ_ONLY;
    return SMBKIT_STATUS_SUCCESS;
}

static void drop(struct py_volume *v)
{
    py_volume_remove(v);
    if (v->mount) {
        PyGILState_STATE held = PyGILState_Ensure();
        PyObject *ended = PyObject_CallMethod(py_mount, "_unmount", "O", v->mount);
        if (!ended) {
            (void)py_status_take();
        }
        Py_XDECREF(ended);
        Py_CLEAR(v->mount);
        PyGILState_Release(held);
    }
    free(v);
}

static smbkit_status python_volume_open(struct smbkit_volume_args *args, void **volume_r)
{
    const char *trouble = py_begin();
    if (trouble) {
        snprintf(args->error, args->error_size, "Python cannot be used: %s", trouble);
        return SMBKIT_STATUS_NOT_SUPPORTED;
    }
    struct py_volume *v = calloc(1, sizeof(*v));
    if (!v) {
        return SMBKIT_STATUS_NO_MEMORY;
    }
    v->host = args->host;
    py_volume_add(v);
    PyGILState_STATE held = PyGILState_Ensure();
    smbkit_status status = load(v, args);
    PyGILState_Release(held);
    if (SMBKIT_OK(status) && py_queue_begin(v) != 0) {
        snprintf(args->error, args->error_size, "no threads can be started (ulimit -u)");
        status = SMBKIT_STATUS_INSUFFICIENT_RESOURCES;
    }
    if (!SMBKIT_OK(status)) {
        drop(v);
        return status;
    }
    *volume_r = v;
    return SMBKIT_STATUS_SUCCESS;
}

static void python_volume_close(void *volume)
{
    if (py_queue_end(volume) == 0) {
        drop(volume);
    } else {
        py_volume_remove(volume); /* what runs in it needs it */
    }
}

/* ---- operations: each is a call in the queue ---- */

static void python_close(void *volume, struct smbkit_op *op, void *file)
{
    py_queue_close(volume, file);
}

#define OF_VOLUME(name, type)                                                                      \
    static smbkit_status python_##name(void *volume, struct smbkit_op *op, type *a)                \
    {                                                                                              \
        return py_queue_call(volume, SMBKIT_OP_##name, op, NULL, (void *)(uintptr_t)a);            \
    }
#define OF_FILE(name, type)                                                                        \
    static smbkit_status python_##name(void *volume, struct smbkit_op *op, void *file, type *a)    \
    {                                                                                              \
        return py_queue_call(volume, SMBKIT_OP_##name, op, file, (void *)(uintptr_t)a);            \
    }
OF_VOLUME(volume_info, struct smbkit_volume_info)
OF_VOLUME(create, struct smbkit_create)
OF_VOLUME(lookup, struct smbkit_lookup)
OF_VOLUME(control, struct smbkit_control)
OF_FILE(enumerate, struct smbkit_sink)
OF_FILE(rename, const struct smbkit_rename)
OF_FILE(remove, const struct smbkit_remove)
OF_FILE(getattr, struct smbkit_attr)
OF_FILE(setattr, const struct smbkit_attr)
OF_FILE(read, struct smbkit_io)
OF_FILE(write, struct smbkit_io)
OF_FILE(flush, const struct smbkit_flush)
OF_FILE(commit, const struct smbkit_flush)
OF_FILE(set_size, const struct smbkit_size)

static const struct smbkit_plugin python_plugin = {
    .struct_size = sizeof(struct smbkit_plugin),
    .api_version = SMBKIT_API_VERSION,
    .thread_model = SMBKIT_PARALLEL,
    .name = "python",
    .description = "a file system that a script in Python makes",
    .version = "1",
    .config_help = "script=FILE    the script: a function tree(), or a class Volume (required)\n"
                   "threads=N      run so many of its calls at a time, 1 to 64 (8)\n"
                   "keep=TIME      how long values of a tree()'s functions hold (1s)\n"
                   "anything=TEXT  for the script: args, or arguments of Volume()\n",
    .volume_open = python_volume_open,
    .volume_close = python_volume_close,
    .close = python_close,
    .volume_info = python_volume_info,
    .create = python_create,
    .lookup = python_lookup,
    .enumerate = python_enumerate,
    .rename = python_rename,
    .remove = python_remove,
    .getattr = python_getattr,
    .setattr = python_setattr,
    .read = python_read,
    .write = python_write,
    .flush = python_flush,
    .commit = python_commit,
    .set_size = python_set_size,
    .control = python_control,
};
SMBKIT_REGISTER(python_plugin)
