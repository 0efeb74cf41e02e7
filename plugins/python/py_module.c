/* SPDX-License-Identifier: Apache-2.0 */
/* The interpreter, and what smbkit.py is lent by the server (module _smbkit). */
#include "py_priv.h"

#include <dlfcn.h>

#include "smbkit_mount_py.h" /* smbkit_mount.py as a string, made by the build */
#include "smbkit_py.h"       /* likewise */

PyObject *py_mount;
_Thread_local struct smbkit_op *py_op;

/* ---- shares by number ---- */

static pthread_mutex_t volumes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct py_volume *volumes; /* volumes_lock */
static uint64_t last_number;      /* volumes_lock */

void py_volume_add(struct py_volume *v)
{
    pthread_mutex_lock(&volumes_lock);
    v->number = ++last_number;
    v->next = volumes;
    volumes = v;
    pthread_mutex_unlock(&volumes_lock);
}

void py_volume_remove(struct py_volume *v)
{
    pthread_mutex_lock(&volumes_lock);
    struct py_volume **at = &volumes;
    while (*at && *at != v) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = v->next;
    }
    pthread_mutex_unlock(&volumes_lock);
}

/* While it is told the share cannot be closed. */
static void tell(uint64_t number, const char *path, uint32_t what)
{
    pthread_mutex_lock(&volumes_lock);
    struct py_volume *v = volumes;
    while (v && v->number != number) {
        v = v->next;
    }
    if (v) {
        smbkit_changed(v->host, path, what);
    }
    pthread_mutex_unlock(&volumes_lock);
}

/* ---- the module ---- */

static PyObject *module_log(PyObject *self, PyObject *args)
{
    unsigned level;
    const char *text;
    char quoted[1024];
    if (!PyArg_ParseTuple(args, "Is", &level, &text)) {
        return NULL;
    }
    smbkit_log(level, "python %s", smbkit_quote(text, quoted, sizeof(quoted)));
    Py_RETURN_NONE;
}

static PyObject *module_changed(PyObject *self, PyObject *args)
{
    unsigned long long number;
    const char *path;
    unsigned what;
    if (!PyArg_ParseTuple(args, "KsI", &number, &path, &what)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    tell(number, path, what);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

static PyObject *module_who(PyObject *self, PyObject *none)
{
    if (!py_op) {
        Py_RETURN_NONE;
    }
    const struct smbkit_identity *who = py_op->who;
    return Py_BuildValue("(sssNN)", who->user, who->domain, who->client_address,
                         PyBool_FromLong((who->flags & SMBKIT_WHO_GUEST) != 0),
                         PyBool_FromLong((who->flags & SMBKIT_WHO_ADMIN) != 0));
}

static PyObject *module_cancelled(PyObject *self, PyObject *none)
{
    return PyBool_FromLong(py_op && smbkit_op_is_cancelled(py_op));
}

static PyObject *module_from_errno(PyObject *self, PyObject *number)
{
    long err = PyLong_AsLong(number);
    if (err == -1 && PyErr_Occurred()) {
        return NULL;
    }
    return PyLong_FromLong(smbkit_status_from_errno((int)err));
}

static PyMethodDef methods[] = {
    {"log", module_log, METH_VARARGS, "A line in the server's log: level, text."},
    {"changed", module_changed, METH_VARARGS, "Something changed: share's number, path, what."},
    {"who", module_who, METH_NOARGS, "Who asks: user, domain, address, is_guest, is_admin."},
    {"cancelled", module_cancelled, METH_NOARGS, "Has the client given the call up?"},
    {"from_errno", module_from_errno, METH_O, "The NTSTATUS of an errno."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_smbkit", .m_size = -1,
                                 .m_methods = methods};

struct name_of_status {
    const char *name;
    int32_t value;
};
#define ROW(name, value) {#name, (int32_t)(value)},
static const struct name_of_status statuses[] = {SMBKIT_STATUS_TABLE(ROW)};

static PyObject *make_module(void)
{
    PyObject *module = PyModule_Create(&definition);
    PyObject *names = PyDict_New();
    for (size_t i = 0; names && i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        PyObject *value = PyLong_FromLong(statuses[i].value);
        if (!value || PyDict_SetItemString(names, statuses[i].name, value) != 0) {
            Py_CLEAR(names);
        }
        Py_XDECREF(value);
    }
    if (!module || !names || PyModule_AddObject(module, "STATUS", names) != 0) {
        Py_XDECREF(names);
        Py_CLEAR(module);
    }
    return module;
}

/* ---- the interpreter ---- */

static const char *trouble; /* why there is none */

/* Modules of Python's own that are shared objects look for the interpreter among what all of the
 * process sees, and a plugin is loaded for itself. It is never unloaded either: the interpreter
 * cannot be ended while threads of scripts run. */
static void show_library(void)
{
    Dl_info info;
    if (dladdr((void *)(uintptr_t)Py_IsInitialized, &info) && info.dli_fname) {
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
    }
    if (dladdr((void *)(uintptr_t)show_library, &info) && info.dli_fname) {
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
    }
}

static const char *start_interpreter(void)
{
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0;
    config.parse_argv = 0;
    PyStatus status = PyConfig_SetBytesString(&config, &config.program_name, PYTHON_PROGRAM);
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) {
        return status.err_msg ? status.err_msg : "it does not start";
    }
    return NULL;
}

static PyObject *run_module(const char *name, const char *text, const char *file)
{
    PyObject *code = Py_CompileString(text, file, Py_file_input);
    PyObject *module = code ? PyImport_ExecCodeModule(name, code) : NULL;
    Py_XDECREF(code);
    return module;
}

static int run_prelude(void)
{
    PyObject *smbkit = run_module("smbkit", smbkit_py, "smbkit.py");
    py_mount = smbkit ? run_module("_smbkit_mount", smbkit_mount_py, "smbkit_mount.py") : NULL;
    Py_XDECREF(smbkit);
    PyObject *begun = py_mount ? PyObject_CallMethod(py_mount, "_begin", NULL) : NULL;
    Py_XDECREF(begun);
    return begun ? 0 : -1;
}

static void start(void)
{
    show_library();
    if (PyImport_AppendInittab("_smbkit", make_module) != 0) {
        trouble = "out of memory";
        return;
    }
    trouble = start_interpreter();
    if (trouble) {
        return;
    }
    if (run_prelude() != 0) {
        PyErr_Print();
        trouble = "its module smbkit does not load";
    }
    PyEval_SaveThread();
}

const char *py_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    return trouble;
}
