/* The native Value: what is common to all operations. What an operation computes is in rules.inc, which the build
   writes from the rule table; what needs no speed (repr, copies, pickling, drawing) is Python's, shared with the
   pure-Python Value.

   A node is 80 bytes and is not tracked by the cyclic collector: it refers to its parents, its name and nothing else,
   and parents exist before their children, so that no cycle can pass through nodes. Freeing a chain is a loop, not a
   recursion: while one node is being freed, the nodes that this frees wait in a list.

   All of it runs under the interpreter's lock, and no sweep runs Python code between its first and its last node. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <fenv.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif
#if defined(_WIN32)
#include <malloc.h>
#elif defined(__linux__)
#include <sys/mman.h>
#endif

/* ---- what the written rules use ------------------------------------------------------------------------------- */

/* The sum in pairs, in the order of Arithmetic.total. Overwrites the terms. */
static double total(double *terms, Py_ssize_t n) {
    if (n == 0) return 0.0;
    while (n > 1) {
        Py_ssize_t half = n / 2;
        for (Py_ssize_t i = 0; i < half; i++) terms[i] = terms[2 * i] + terms[2 * i + 1];
        if (n & 1) terms[half] = terms[n - 1];
        n = half + (n & 1);
    }
    return terms[0];
}

static double largest(const double *terms, Py_ssize_t n) {
    double peak = -INFINITY;
    for (Py_ssize_t i = 0; i < n; i++) {
        double term = terms[i];
        peak = (term < peak) ? peak : (peak <= term) ? term : term + peak; /* the last one is nan */
    }
    return peak;
}

enum { OP_BITS = 12, MOST_OPS = 1 << OP_BITS };

#include "rules.inc"

/* ---- the node ------------------------------------------------------------------------------------------------- */

typedef struct Value Value;

typedef struct { /* the operands of a node with more than two, behind it in memory their partials */
    Py_ssize_t count;
    Value *parents[];
} Many;

/* UNREACHED: to this node, the last sweep found no way but through branches that weren't taken. */
enum { FIRST_IS_NUMBER = 1, SECOND_IS_NUMBER = 2, IS_CONSTANT = 4, UNREACHED = 8 };
enum { LEAF, UNARY, BINARY, MANY }; /* how the operands are kept */

struct Value {
    PyObject_HEAD
    double data, grad;
    double partial[2];
    union {
        Value *node;
        double number; /* a plain number in an expression: it becomes a node when somebody looks at the parents */
        Many *many;
    } operand[2];
    PyObject *name;
    unsigned long long op : OP_BITS, kind : 2, flags : 4, mark : 46; /* mark: the last sweep that met the node */
};

static PyTypeObject *ValueType;
static PyObject *callbacks; /* a dict of what Python does for us; see configure() */
static Py_ssize_t nodes_of[1 << 12]; /* of each op that is not of the table */
static PyObject *general[OP_COUNT]; /* each rule's function for operands that are not Values alone */
static PyObject *rule_objects; /* a list: the Rule of each op; None for a leaf */
static PyObject *open_blocks; /* a list with an entry for each strict() block that is open in any thread */

#define AS_VALUE(object) ((Value *)(object))
#define IS_VALUE(object) (Py_TYPE(object) == ValueType)
#define IS_STRICT() (PyList_GET_SIZE(open_blocks) != 0)

static double *many_partials(Many *many) { return (double *)(many->parents + many->count); }

/* ---- making and freeing --------------------------------------------------------------------------------------- */

/* Nodes come from slabs of 2 MB at addresses that are multiples of 2 MB, so that a node's slab is known from its own
   address, a slab is given back to the system when its last node is freed, and a large graph can have large pages:
   with pages of 4 KB, the system's work on first touching them costs as much as the recording. */

enum { SLAB_SIZE = 1 << 21, MOST_EMPTY_SLABS = 64 }; /* 128 MB kept: a step of a million nodes reuses its own */

typedef struct Slab {
    Value *free;                  /* nodes that were freed, linked by their first operand */
    Value *fresh, *end;           /* nodes that never were in use */
    size_t live;                  /* nodes in use */
    struct Slab *next, *previous; /* in the list of slabs with room; only where listed */
    int listed;
} Slab;

static Slab *current;     /* where the next node comes from; not listed */
static Slab *with_room;   /* the list */
static int empty_slabs;   /* listed slabs without a node in use */
static int slabs_made;

#if defined(__SANITIZE_ADDRESS__) /* then every node is an allocation of its own, which the sanitizer can watch */

static Value *take_memory(void) { return PyObject_Malloc(sizeof(Value)); }
static void give_memory(Value *node) { PyObject_Free(node); }

#else

static void reset_slab(Slab *slab) {
    slab->free = NULL;
    slab->fresh = (Value *)(((uintptr_t)(slab + 1) + 63) & ~(uintptr_t)63);
    slab->end = slab->fresh + ((char *)slab + SLAB_SIZE - (char *)slab->fresh) / sizeof(Value);
}

static Slab *make_slab(void) {
    void *memory = NULL;
#ifdef _WIN32
    memory = _aligned_malloc(SLAB_SIZE, SLAB_SIZE);
#else
    if (posix_memalign(&memory, SLAB_SIZE, SLAB_SIZE)) memory = NULL;
#endif
    if (!memory) return NULL;
#ifdef MADV_HUGEPAGE
    if (slabs_made) madvise(memory, SLAB_SIZE, MADV_HUGEPAGE); /* a small program keeps small pages */
#endif
    slabs_made = 1;
    Slab *slab = memory;
    *slab = (Slab){0};
    reset_slab(slab);
    return slab;
}

static void list_slab(Slab *slab) {
    slab->next = with_room;
    slab->previous = NULL;
    if (with_room) with_room->previous = slab;
    with_room = slab;
    slab->listed = 1;
}

static void unlist_slab(Slab *slab) {
    if (slab->previous) slab->previous->next = slab->next;
    else with_room = slab->next;
    if (slab->next) slab->next->previous = slab->previous;
    slab->listed = 0;
}

static Value *take_from_another_slab(void) {
    if (with_room) {
        current = with_room;
        unlist_slab(current);
        if (current->live == 0) empty_slabs--;
    } else {
        Slab *slab = make_slab();
        if (!slab) return NULL;
        current = slab;
    }
    Value *node = current->free;
    if (node) current->free = node->operand[0].node;
    else node = current->fresh++;
    current->live++;
    return node;
}

static inline Value *take_memory(void) {
    Slab *slab = current;
    if (!slab) return take_from_another_slab();
    Value *node = slab->free;
    if (node) slab->free = node->operand[0].node;
    else if (slab->fresh < slab->end) node = slab->fresh++;
    else return take_from_another_slab();
    slab->live++;
    return node;
}

static void empty_slab(Slab *slab) {
    if (empty_slabs < MOST_EMPTY_SLABS) {
        reset_slab(slab);
        empty_slabs++;
        if (!slab->listed) list_slab(slab);
        return;
    }
    if (slab->listed) unlist_slab(slab);
#ifdef _WIN32
    _aligned_free(slab);
#else
    free(slab);
#endif
}

static inline void give_memory(Value *node) {
    Slab *slab = (Slab *)((uintptr_t)node & ~(uintptr_t)(SLAB_SIZE - 1));
    node->operand[0].node = slab->free;
    slab->free = node;
    slab->live--;
    if (slab == current) return;
    if (slab->live == 0) empty_slab(slab);
    else if (!slab->listed) list_slab(slab);
}

#endif

static Value *new_node(unsigned op, unsigned kind) {
    Value *node = take_memory();
    if (!node) return (Value *)PyErr_NoMemory();
    (void)PyObject_Init((PyObject *)node, ValueType);
    node->grad = 0.0;
    node->name = NULL;
    node->op = op;
    node->kind = kind;
    node->flags = 0;
    node->mark = 0;
    return node;
}

static Value *waiting; /* nodes whose last reference went while another node was being freed */
static int freeing;

static void release_parents(Value *node) {
    switch (node->kind) {
    case MANY: {
        if (node->op >= OP_COUNT && --nodes_of[node->op] == 0) /* a user's own rule goes with its last node */
            PyList_SetItem(rule_objects, node->op, Py_NewRef(Py_None));
        Many *many = node->operand[0].many;
        for (Py_ssize_t i = 0; i < many->count; i++) Py_DECREF(many->parents[i]);
        PyMem_Free(many);
        return;
    }
    case BINARY:
        if (!(node->flags & SECOND_IS_NUMBER)) Py_DECREF(node->operand[1].node);
        /* fall through */
    case UNARY:
        if (!(node->flags & FIRST_IS_NUMBER)) Py_DECREF(node->operand[0].node);
    }
}

static void value_dealloc(PyObject *self) {
    Value *node = AS_VALUE(self);
    if (freeing) {
        memcpy(&node->grad, &waiting, sizeof waiting); /* the gradient's place holds the list's link from here on */
        waiting = node;
        return;
    }
    freeing = 1;
    for (;;) {
        PyObject *name = node->name;
        release_parents(node);
        give_memory(node);
        Py_DECREF(ValueType);
        Py_XDECREF(name); /* a string: frees no node */
        node = waiting;
        if (!node) break;
        memcpy(&waiting, &node->grad, sizeof waiting);
    }
    freeing = 0;
}

static Value *new_leaf(double data, unsigned flags) {
    Value *node = new_node(0, LEAF);
    if (node) {
        node->data = data;
        node->flags = flags;
    }
    return node;
}

/* ---- recording ------------------------------------------------------------------------------------------------ */

static PyObject *callback(const char *name) { return PyDict_GetItemString(callbacks, name); }

static PyObject *checked(Value *node) {
    if (node && IS_STRICT()) {
        PyObject *fine = PyObject_CallOneArg(callback("check_finite"), (PyObject *)node);
        if (!fine) {
            Py_DECREF(node);
            return NULL;
        }
        Py_DECREF(fine);
    }
    return (PyObject *)node;
}

/* NumPy reports the processor's floating-point flags (1/0, an overflow, an underflow) as faults of its own, and an
   operation may run in its loop over an array of Values: an operation that may have set one clears them. Reading them
   after each operation would make recording slower by a quarter, so that one is told by its numbers: infinite, nan,
   zero or subnormal. */
static inline int is_unusual(double x) { /* by its exponent, all zeros or all ones; adding 1 makes these 1 and 0 */
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (((bits >> 52) + 1) & 0x7ff) < 2;
}
static void clear_float_flags(void) {
#if defined(__SSE2__) /* feclearexcept goes through the old floating-point unit too, which takes ten times as long */
    _mm_setcsr(_mm_getcsr() & ~(_MM_EXCEPT_INVALID | _MM_EXCEPT_DIV_ZERO | _MM_EXCEPT_OVERFLOW | _MM_EXCEPT_UNDERFLOW));
#else
    feclearexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW | FE_UNDERFLOW);
#endif
}

static Py_NO_INLINE PyObject *settled(Value *node) {
    clear_float_flags();
    return IS_STRICT() ? checked(node) : (PyObject *)node;
}

static inline PyObject *record_unary(unsigned op, double (*rule)(double, double *), Value *x) {
    double partial, out = rule(x->data, &partial);
    Value *node = new_node(op, UNARY);
    if (!node) return NULL;
    node->data = out;
    node->partial[0] = partial;
    Py_INCREF(x);
    node->operand[0].node = x;
    return IS_STRICT() | is_unusual(out) | is_unusual(partial) ? settled(node) : (PyObject *)node;
}

/* One operand may be a plain number: then its node is NULL and the number counts. */
static inline PyObject *record_binary(unsigned op, double (*rule)(double, double, double *, double *), Value *x,
                                      double x_data, Value *y, double y_data) {
    double first, second, out = rule(x_data, y_data, &first, &second);
    Value *node = new_node(op, BINARY);
    if (!node) return NULL;
    node->data = out;
    node->partial[0] = first;
    node->partial[1] = second;
    if (x) {
        Py_INCREF(x);
        node->operand[0].node = x;
    } else {
        node->operand[0].number = x_data;
        node->flags = FIRST_IS_NUMBER;
    }
    if (y) {
        Py_INCREF(y);
        node->operand[1].node = y;
    } else {
        node->operand[1].number = y_data;
        node->flags = SECOND_IS_NUMBER;
    }
    const int unusual = is_unusual(out) | is_unusual(first) | is_unusual(second);
    return IS_STRICT() | unusual ? settled(node) : (PyObject *)node;
}

typedef double (*ManyRule)(Py_ssize_t, const double *, double *, double *);

static PyObject *record_many(unsigned op, ManyRule rule, Py_ssize_t count, PyObject *const *operands) {
    Many *many = PyMem_Malloc(sizeof(Many) + count * (sizeof(Value *) + sizeof(double)));
    double *room = PyMem_Malloc((2 * count + 1) * sizeof(double));
    Value *node = many && room ? new_node(op, MANY) : (Value *)PyErr_NoMemory();
    if (!node) {
        PyMem_Free(many);
        PyMem_Free(room);
        return NULL;
    }
    many->count = count;
    for (Py_ssize_t i = 0; i < count; i++) {
        room[i] = AS_VALUE(operands[i])->data;
        Py_INCREF(operands[i]);
        many->parents[i] = AS_VALUE(operands[i]);
    }
    node->data = rule(count, room, many_partials(many), room + count);
    clear_float_flags();
    node->operand[0].many = many;
    PyMem_Free(room);
    return checked(node);
}

/* What stands beside a Value in an expression: a node (owned in *node), or a plain number. -1 for an error, 0 where
   the other type should be asked, 1 otherwise. */
static int other_operand(PyObject *object, Value **node, PyObject **owned, double *number) {
    *owned = NULL;
    if (IS_VALUE(object)) {
        *node = AS_VALUE(object);
        *number = AS_VALUE(object)->data;
        return 1;
    }
    *node = NULL;
    if (PyFloat_CheckExact(object)) {
        *number = PyFloat_AS_DOUBLE(object);
        return 1;
    }
    if (PyLong_CheckExact(object)) {
        *number = PyLong_AsDouble(object);
        if (*number != -1.0 || !PyErr_Occurred()) return 1;
        PyErr_Clear(); /* too large for a float: the callback says so in the package's words */
    }
    PyObject *meant = PyObject_CallOneArg(callback("operand"), object);
    if (!meant) return -1;
    if (meant == Py_NotImplemented) {
        Py_DECREF(meant);
        return 0;
    }
    *owned = meant;
    if (IS_VALUE(meant)) {
        *node = AS_VALUE(meant);
        *number = AS_VALUE(meant)->data;
    } else {
        *number = PyFloat_AS_DOUBLE(meant);
    }
    return 1;
}

typedef double (*BinaryRule)(double, double, double *, double *);

/* An operator or a function of two operands, at least one of them a Value. */
static inline PyObject *apply_binary(unsigned op, BinaryRule rule, unsigned constant_op, BinaryRule constant_rule,
                                     PyObject *left, PyObject *right) {
    if (IS_VALUE(left)) {
        Value *x = AS_VALUE(left);
        if (IS_VALUE(right)) return record_binary(op, rule, x, x->data, AS_VALUE(right), AS_VALUE(right)->data);
        if (PyFloat_CheckExact(right))
            return record_binary(constant_op, constant_rule, x, x->data, NULL, PyFloat_AS_DOUBLE(right));
    }
    Value *x, *y;
    PyObject *left_owned, *right_owned = NULL, *result;
    double x_data, y_data;
    int known = other_operand(left, &x, &left_owned, &x_data);
    if (known > 0) known = other_operand(right, &y, &right_owned, &y_data);
    if (known < 0)
        result = NULL;
    else if (known == 0)
        result = Py_NewRef(Py_NotImplemented);
    else if (y)
        result = record_binary(op, rule, x, x_data, y, y_data);
    else
        result = record_binary(constant_op, constant_rule, x, x_data, NULL, y_data);
    Py_XDECREF(left_owned);
    Py_XDECREF(right_owned);
    return result;
}

/* ---- sweeps --------------------------------------------------------------------------------------------------- */

/* Two arrays that every sweep uses again; under the interpreter's lock only one sweep runs at a time. */
typedef struct {
    uintptr_t *items;
    size_t count, room;
} Stack;

static Stack pending, order;
static unsigned long long sweep; /* the number of the current sweep */
static int met_choices;          /* whether there is a choice among the nodes in `order` */

static int push(Stack *stack, uintptr_t item) {
    if (stack->count == stack->room) {
        size_t room = stack->room ? stack->room * 2 : 1024;
        uintptr_t *items = PyMem_RawRealloc(stack->items, room * sizeof *items);
        if (!items) return -1;
        stack->items = items;
        stack->room = room;
    }
    stack->items[stack->count++] = item;
    return 0;
}

static void shrink(Stack *stack) { /* a sweep over a very large graph does not keep its arrays */
    if (stack->room > (1 << 20)) {
        PyMem_RawFree(stack->items);
        *stack = (Stack){0};
    }
}

/* A parent: leaves and nodes met before need no visit. */
static inline int visit(Value *node, int clearing) {
    if (node->kind == LEAF) {
        if (clearing && node->flags & IS_CONSTANT) node->grad = 0.0;
        return 0;
    }
    return node->mark == sweep ? 0 : push(&pending, (uintptr_t)node);
}

/* Adds to `order` the nodes below the root that have operands and were not met in this sweep, parents before children.
   A node with its lowest bit set waits for its parents to be in the order. The order is that of
   graph.topological_order. */
static inline int add_to_order(Value *root, int clearing) {
    pending.count = 0;
    if (push(&pending, (uintptr_t)root)) return -1;
    while (pending.count) {
        uintptr_t item = pending.items[--pending.count];
        if (item & 1) {
            if (push(&order, item - 1)) return -1;
            continue;
        }
        Value *node = (Value *)item;
        if (node->mark == sweep) continue;
        met_choices |= rule_is_choice[node->op];
        node->mark = sweep;
        if (clearing) {
            node->flags &= ~UNREACHED;
            node->grad = 0.0;
        }
        if (push(&pending, item | 1)) return -1;
        if (node->kind == MANY) {
            Many *many = node->operand[0].many;
            for (Py_ssize_t i = many->count; i-- > 0;)
                if (visit(many->parents[i], clearing)) return -1;
            continue;
        }
        if (node->kind == BINARY && !(node->flags & SECOND_IS_NUMBER) && visit(node->operand[1].node, clearing))
            return -1;
        if (!(node->flags & FIRST_IS_NUMBER) && visit(node->operand[0].node, clearing)) return -1;
    }
    return 0;
}

/* The nodes below the root that have operands, their gradients 0: in `order`. The gradients of constants become 0 too:
   like those of interior nodes, they are of one sweep. */
static int find_interior(Value *root) {
    sweep++;
    order.count = 0;
    met_choices = 0;
    return add_to_order(root, 1);
}

static void hand_back(void) {
    for (size_t i = order.count; i-- > 0;) {
        Value *node = (Value *)order.items[i];
        double adjoint = node->grad;
        if (node->kind == MANY) {
            Many *many = node->operand[0].many;
            double *partials = many_partials(many);
            for (Py_ssize_t k = 0; k < many->count; k++) many->parents[k]->grad += partials[k] * adjoint;
            continue;
        }
        if (!(node->flags & FIRST_IS_NUMBER)) node->operand[0].node->grad += node->partial[0] * adjoint;
        if (node->kind == BINARY && !(node->flags & SECOND_IS_NUMBER))
            node->operand[1].node->grad += node->partial[1] * adjoint;
    }
}

/* Along one edge: nothing if the node was not reached, and nothing to what a choice didn't take. A nan was taken. */
static inline void hand_back_to(Value *parent, const Value *node, double partial) {
    if (node->flags & UNREACHED || (partial == 0.0 && rule_is_choice[node->op])) return;
    parent->grad += partial * node->grad;
    parent->flags &= ~UNREACHED;
}

/* hand_back for a graph with choices; it is one of its own, so that other graphs pay nothing. */
static void hand_back_by_choices(void) {
    for (size_t i = 0; i + 1 < order.count; i++) ((Value *)order.items[i])->flags |= UNREACHED; /* the last is the root */
    for (size_t i = order.count; i-- > 0;) {
        const Value *node = (Value *)order.items[i];
        if (node->kind == MANY) {
            Many *many = node->operand[0].many;
            for (Py_ssize_t k = 0; k < many->count; k++) hand_back_to(many->parents[k], node, many_partials(many)[k]);
            continue;
        }
        if (!(node->flags & FIRST_IS_NUMBER)) hand_back_to(node->operand[0].node, node, node->partial[0]);
        if (node->kind == BINARY && !(node->flags & SECOND_IS_NUMBER))
            hand_back_to(node->operand[1].node, node, node->partial[1]);
    }
}

static PyObject *backward(PyObject *self, PyObject *unused) {
    Value *root = AS_VALUE(self);
    if (IS_STRICT()) {
        PyObject *fine = PyObject_CallOneArg(callback("check_adjoints"), self);
        if (!fine) return NULL;
        Py_DECREF(fine);
    }
    if (root->kind == LEAF) {
        root->grad += 1.0;
        Py_RETURN_NONE;
    }
    if (find_interior(root)) return PyErr_NoMemory();
    root->grad = 1.0;
    if (met_choices) hand_back_by_choices();
    else hand_back();
    shrink(&pending);
    shrink(&order);
    Py_RETURN_NONE;
}

static PyObject *zero_grad(PyObject *self, PyObject *unused) {
    Value *root = AS_VALUE(self);
    root->grad = 0.0;
    if (root->kind == LEAF) Py_RETURN_NONE;
    if (find_interior(root)) return PyErr_NoMemory();
    for (size_t i = 0; i < order.count; i++) {
        Value *node = (Value *)order.items[i];
        Many *many = node->kind == MANY ? node->operand[0].many : NULL;
        for (Py_ssize_t k = 0; many && k < many->count; k++) many->parents[k]->grad = 0.0;
        if (many) continue;
        if (!(node->flags & FIRST_IS_NUMBER)) node->operand[0].node->grad = 0.0;
        if (node->kind == BINARY && !(node->flags & SECOND_IS_NUMBER)) node->operand[1].node->grad = 0.0;
    }
    shrink(&pending);
    shrink(&order);
    Py_RETURN_NONE;
}

/* ---- a graph as flat columns ---------------------------------------------------------------------------------- */

/* flattening.flatten in C: that says what the columns are. Until all constants are known, a slot is a *place*: below
   `inputs` an input, from there on a constant where the distance is even and a node where it is odd. A node's mark
   holds its place, above the number of the sweep that met it, so that no table from nodes to places is needed. */

enum { LINE = 8, MOST_OF_A_KIND = 1 << 29, NO_PLACE = -1, NOT_ENTERED = 0xFFFF };

typedef struct {
    unsigned long long base; /* the sweep's number: marks above it are places */
    uint32_t inputs, nodes, numbers, used_numbers, used_ops;
    int share, asks_python; /* asks_python: a user's own operation on constants alone, which C can't evaluate */
    uint16_t *ops;
    int32_t *starts;
    uint32_t *operands; /* places, and slots at the end */
    size_t operands_room;
    double *number; /* the constants; at the end those that are used */
    uint32_t numbers_room;
    uint64_t *number_table; /* from bits to the constant's index plus 1, beside half of the bits' hash */
    size_t number_mask;
    uint64_t *node_table; /* from content to the node's index plus 1, beside half of the content's hash */
    size_t line_mask;     /* the table's lines are as long as those of a processor's cache: 8 entries */
    double *room; /* operands, partials and scratch of a rule that is evaluated */
    size_t room_count;
    uint16_t op_places[MOST_OPS];
    uint16_t op_list[MOST_OPS];
} Flat;

static int64_t out_of_memory(void) {
    PyErr_NoMemory();
    return NO_PLACE;
}

static int64_t too_large(void) {
    PyErr_SetString(PyExc_MemoryError, "a program has at most 2**29 inputs, constants and nodes, and 2**31 operands");
    return NO_PLACE;
}

static void *grown(void *memory, size_t count, size_t size) {
    void *larger = PyMem_RawRealloc(memory, count * size);
    if (!larger) PyErr_NoMemory();
    return larger;
}

/* A table of zeros; a large one in large pages, since it is read here and there. */
static void *new_table(size_t entries, size_t size) {
    void *memory = NULL;
#ifdef MADV_HUGEPAGE
    if (entries * size >= SLAB_SIZE && !posix_memalign(&memory, SLAB_SIZE, entries * size)) {
        madvise(memory, entries * size, MADV_HUGEPAGE);
        return memset(memory, 0, entries * size);
    }
#endif
    memory = calloc(entries, size);
    if (!memory) PyErr_NoMemory();
    return memory;
}

/* A multiplication spreads low bits upwards alone, and a small whole number's double has none: high ones come down. */
static inline uint64_t mixed(uint64_t hash) {
    hash = (hash ^ hash >> 32) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

static uint64_t bits_of(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static inline int is_constant_place(const Flat *flat, uint32_t place) {
    return place >= flat->inputs && !((place - flat->inputs) & 1);
}

static inline double number_at(const Flat *flat, uint32_t place) { return flat->number[(place - flat->inputs) / 2]; }

/* Room for twice as many constants, and a table of which at most half is taken. */
static int grow_numbers(Flat *flat) {
    const uint32_t room = flat->numbers_room ? flat->numbers_room * 2 : 64;
    double *number = grown(flat->number, room, sizeof *number);
    if (!number) return -1;
    flat->number = number;
    uint64_t *table = new_table((size_t)room * 2, sizeof *table);
    if (!table) return -1;
    free(flat->number_table);
    flat->number_table = table;
    flat->number_mask = (size_t)room * 2 - 1;
    flat->numbers_room = room;
    for (uint32_t i = 0; i < flat->numbers; i++) {
        const uint64_t hash = mixed(bits_of(number[i]));
        size_t at = hash & flat->number_mask;
        while (table[at]) at = (at + 1) & flat->number_mask;
        table[at] = (hash >> 32 << 32) | (i + 1);
    }
    return 0;
}

static int64_t constant_place(Flat *flat, double number) {
    if (number != number) { /* the sign and the payload of a nan mean nothing */
        const uint64_t quiet = 0x7FF8000000000000u;
        memcpy(&number, &quiet, sizeof number);
    }
    if (flat->numbers == flat->numbers_room && grow_numbers(flat)) return NO_PLACE;
    const uint64_t bits = bits_of(number), hash = mixed(bits);
    size_t at = hash & flat->number_mask;
    for (uint64_t entry; (entry = flat->number_table[at]); at = (at + 1) & flat->number_mask) {
        const uint32_t index = (uint32_t)entry - 1;
        if (!((entry ^ hash) >> 32) && bits_of(flat->number[index]) == bits) return flat->inputs + 2 * (int64_t)index;
    }
    if (flat->numbers >= MOST_OF_A_KIND) return too_large();
    flat->number[flat->numbers] = number;
    flat->number_table[at] = (hash >> 32 << 32) | ++flat->numbers;
    return flat->inputs + 2 * (int64_t)(flat->numbers - 1);
}

static inline int64_t place_of(Flat *flat, Value *node) {
    if (node->mark > flat->base) return (int64_t)(node->mark - flat->base - 1);
    const int64_t place = constant_place(flat, node->data); /* a leaf that is met for the first time */
    if (place != NO_PLACE) node->mark = flat->base + 1 + (unsigned long long)place;
    return place;
}

/* The places of a node's operands, behind those of the nodes before it; how many, or -1. */
static Py_ssize_t place_operands(Flat *flat, Value *node) {
    Many *many = node->kind == MANY ? node->operand[0].many : NULL;
    const Py_ssize_t count = many ? many->count : node->kind;
    const size_t start = (size_t)flat->starts[flat->nodes];
    if (start + count > INT32_MAX) return (Py_ssize_t)too_large();
    if (start + count > flat->operands_room) {
        const size_t room = (start + count) * 2;
        uint32_t *operands = grown(flat->operands, room, sizeof *operands);
        if (!operands) return -1;
        flat->operands = operands;
        flat->operands_room = room;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        const int is_number = !many && node->flags & (i ? SECOND_IS_NUMBER : FIRST_IS_NUMBER);
        const int64_t place = is_number ? constant_place(flat, node->operand[i].number)
                                        : place_of(flat, many ? many->parents[i] : node->operand[i].node);
        if (place == NO_PLACE) return -1;
        flat->operands[start + i] = (uint32_t)place;
    }
    return count;
}

/* The value of a rule of the table; the room has its operands, and behind them as much again twice and one more. */
static double value_of(unsigned op, Py_ssize_t count, double *room) {
    double *partials = room + count;
    switch (op) {
#define VALUE_OF_UNARY(NAME)                                                                                          \
    case OP_##NAME: return rule_##NAME(room[0], partials);
        FOR_UNARY_RULES(VALUE_OF_UNARY)
#define VALUE_OF_BINARY(NAME, CONSTANT)                                                                               \
    case OP_##NAME: return rule_##NAME(room[0], room[1], partials, partials + 1);
        FOR_BINARY_RULES(VALUE_OF_BINARY)
#define VALUE_OF_MANY(NAME)                                                                                           \
    case OP_##NAME: return many_##NAME(count, room, partials, partials + count);
        FOR_MANY_RULES(VALUE_OF_MANY)
    }
    Py_UNREACHABLE();
}

static int64_t folded_place(Flat *flat, unsigned op, const uint32_t *operands, Py_ssize_t count) {
    if (op >= OP_COUNT) {
        flat->asks_python = 1;
        return NO_PLACE;
    }
    if (flat->room_count < (size_t)count) {
        double *room = grown(flat->room, 3 * (size_t)count + 1, sizeof *room);
        if (!room) return NO_PLACE;
        flat->room = room;
        flat->room_count = (size_t)count;
    }
    for (Py_ssize_t i = 0; i < count; i++) flat->room[i] = number_at(flat, operands[i]);
    return constant_place(flat, value_of(op, count, flat->room));
}

/* A line of the table that begins here: the index of the node with this content, or -1 and where a vacant entry is, or
   -1 and NULL where the line is full of others. */
static int64_t look_in_line(const Flat *flat, uint64_t *line, unsigned op, const uint32_t *operands, Py_ssize_t count,
                            uint64_t hash, uint64_t **vacant) {
    *vacant = NULL;
    for (int i = 0; i < LINE; i++) {
        if (!line[i]) {
            *vacant = line + i;
            return -1;
        }
        if ((line[i] ^ hash) >> 32) continue;
        const uint32_t index = (uint32_t)line[i] - 1;
        if (flat->op_list[flat->ops[index]] != op || flat->starts[index + 1] - flat->starts[index] != count) continue;
        if (!memcmp(flat->operands + flat->starts[index], operands, count * sizeof *operands)) return index;
    }
    return -1;
}

/* The index of the node with this content, or -1 and the entry that is to be its own. The line by the latest operand
   is looked at first: in a long graph that line was in use a moment ago, where one by the hash alone would have to come
   from far away in memory. Only what finds it full goes by the hash, so that a thousand nodes on one operand take no
   thousand steps each. */
static int64_t find_node(const Flat *flat, unsigned op, const uint32_t *operands, Py_ssize_t count, uint64_t hash,
                         uint64_t **vacant) {
    uint32_t latest = 0;
    for (Py_ssize_t i = 0; i < count; i++)
        if (operands[i] > latest) latest = operands[i];
    size_t line = latest / LINE;
    for (size_t step = 0;; step++) {
        uint64_t *entries = flat->node_table + (line & flat->line_mask) * LINE;
        const int64_t index = look_in_line(flat, entries, op, operands, count, hash, vacant);
        if (index >= 0 || *vacant) return index;
        line = step ? line + 1 : hash;
    }
}

static uint64_t hash_of(unsigned op, const uint32_t *operands, Py_ssize_t count) {
    uint64_t hash = op;
    for (Py_ssize_t i = 0; i < count; i++) hash = mixed(hash + operands[i]);
    return hash;
}

static int64_t node_place(Flat *flat, Value *node) {
    const Py_ssize_t count = place_operands(flat, node);
    if (count < 0) return NO_PLACE;
    const uint32_t *operands = flat->operands + flat->starts[flat->nodes];
    Py_ssize_t constants = 0;
    while (constants < count && is_constant_place(flat, operands[constants])) constants++;
    if (constants == count) return folded_place(flat, node->op, operands, count);
    if (flat->share) {
        uint64_t *vacant;
        const uint64_t hash = hash_of(node->op, operands, count);
        const int64_t index = find_node(flat, node->op, operands, count, hash, &vacant);
        if (index >= 0) return flat->inputs + 2 * index + 1;
        *vacant = (hash >> 32 << 32) | (flat->nodes + 1);
    }
    if (flat->op_places[node->op] == NOT_ENTERED) {
        flat->op_list[flat->used_ops] = node->op;
        flat->op_places[node->op] = (uint16_t)flat->used_ops++;
    }
    flat->ops[flat->nodes] = flat->op_places[node->op];
    flat->starts[flat->nodes + 1] = flat->starts[flat->nodes] + (int32_t)count;
    return flat->inputs + 2 * (int64_t)flat->nodes++ + 1;
}

/* Room for as many nodes as are in `order`. */
static int make_room(Flat *flat) {
    if (order.count > MOST_OF_A_KIND) return (int)too_large();
    size_t table = 16;
    while (table < 2 * order.count) table *= 2;
    flat->ops = PyMem_RawMalloc((order.count + 1) * sizeof *flat->ops);
    flat->starts = PyMem_RawMalloc((order.count + 1) * sizeof *flat->starts);
    flat->operands_room = 2 * order.count;
    flat->operands = PyMem_RawMalloc((flat->operands_room + 1) * sizeof *flat->operands);
    if (!flat->ops || !flat->starts || !flat->operands) return (int)out_of_memory();
    if (flat->share && !(flat->node_table = new_table(table, sizeof *flat->node_table))) return -1;
    flat->line_mask = table / LINE - 1;
    flat->starts[0] = 0;
    memset(flat->op_places, 0xFF, sizeof flat->op_places);
    return 0;
}

/* Numbers the constants among the places that were not numbered before, in order, and keeps their values. */
static void number_constants(Flat *flat, const uint32_t *places, size_t count, uint32_t *numbered, double *used) {
    for (size_t i = 0; i < count; i++) {
        if (!is_constant_place(flat, places[i])) continue;
        uint32_t *number = numbered + (places[i] - flat->inputs) / 2;
        if (*number) continue; /* counted from 1 */
        used[flat->used_numbers] = number_at(flat, places[i]);
        *number = ++flat->used_numbers;
    }
}

static void make_slots(const Flat *flat, uint32_t *places, size_t count, const uint32_t *numbered) {
    for (size_t i = 0; i < count; i++) {
        if (places[i] < flat->inputs) continue;
        const uint32_t index = (places[i] - flat->inputs) / 2;
        const int is_constant = is_constant_place(flat, places[i]);
        places[i] = flat->inputs + (is_constant ? numbered[index] - 1 : flat->used_numbers + index);
    }
}

/* Slots for places, and only the constants that are used, in order of first use. */
static int settle_places(Flat *flat, uint32_t *outputs, Py_ssize_t count) {
    uint32_t *numbered = PyMem_RawCalloc((size_t)flat->numbers + 1, sizeof *numbered);
    double *used = PyMem_RawMalloc(((size_t)flat->numbers + 1) * sizeof *used);
    const int failed = !numbered || !used;
    if (!failed) {
        const size_t operand_count = (size_t)flat->starts[flat->nodes];
        number_constants(flat, flat->operands, operand_count, numbered, used);
        number_constants(flat, outputs, (size_t)count, numbered, used);
        make_slots(flat, flat->operands, operand_count, numbered);
        make_slots(flat, outputs, (size_t)count, numbered);
    }
    PyMem_RawFree(numbered);
    PyMem_RawFree(flat->number);
    flat->number = used;
    return failed ? (int)out_of_memory() : 0;
}

static PyObject *flat_columns(const Flat *flat, const uint32_t *outputs, Py_ssize_t output_count) {
    PyObject *ops = PyTuple_New(flat->used_ops);
    for (uint32_t i = 0; ops && i < flat->used_ops; i++) {
        PyObject *op = PyLong_FromLong(flat->op_list[i]);
        if (!op) Py_CLEAR(ops);
        else PyTuple_SET_ITEM(ops, i, op);
    }
    if (!ops) return NULL;
    return Py_BuildValue("(y#Ny#y#y#y#)", flat->number, (Py_ssize_t)(flat->used_numbers * sizeof(double)), ops,
                         flat->ops, (Py_ssize_t)(flat->nodes * sizeof *flat->ops), flat->starts,
                         (Py_ssize_t)((flat->nodes + 1) * sizeof *flat->starts), flat->operands,
                         (Py_ssize_t)(flat->starts[flat->nodes] * sizeof *flat->operands), outputs,
                         (Py_ssize_t)(output_count * sizeof *outputs));
}

/* Flattens the nodes in `order`; the columns, None where Python has to, or NULL. */
static PyObject *flatten_order(Flat *flat, PyObject *const *results, Py_ssize_t count, uint32_t *outputs) {
    if (make_room(flat)) return NULL;
    for (size_t i = 0; i < order.count; i++) {
        Value *node = (Value *)order.items[i];
        const int64_t place = node_place(flat, node);
        if (flat->asks_python) Py_RETURN_NONE;
        if (place == NO_PLACE) return NULL;
        node->mark = flat->base + 1 + (unsigned long long)place;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        const int64_t place = place_of(flat, AS_VALUE(results[i]));
        if (place == NO_PLACE) return NULL;
        outputs[i] = (uint32_t)place;
    }
    return settle_places(flat, outputs, count) ? NULL : flat_columns(flat, outputs, count);
}

static PyObject *flatten_graph(Flat *flat, PyObject *const *results, Py_ssize_t count, PyObject *const *leaves,
                               Py_ssize_t inputs) {
    uint32_t *outputs = PyMem_RawMalloc((count + 1) * sizeof *outputs);
    PyObject *columns = NULL;
    int failed = !outputs;
    flat->base = ++sweep;
    order.count = 0;
    for (Py_ssize_t i = 0; i < count && !failed; i++)
        if (AS_VALUE(results[i])->kind != LEAF) failed = add_to_order(AS_VALUE(results[i]), 0);
    for (Py_ssize_t i = 0; i < inputs; i++) AS_VALUE(leaves[i])->mark = flat->base + 1 + (unsigned long long)i;
    flat->inputs = (uint32_t)inputs;
    if (failed) PyErr_NoMemory();
    else columns = flatten_order(flat, results, count, outputs);
    const uint32_t most = flat->nodes > flat->numbers ? flat->nodes : flat->numbers;
    sweep = flat->base + 1 + flat->inputs + 2 * (unsigned long long)most; /* above every mark that was made */
    PyMem_RawFree(outputs);
    shrink(&pending);
    shrink(&order);
    return columns;
}

static int are_nodes(PyObject *list, int leaves) {
    int fine = PyList_GET_SIZE(list) <= MOST_OF_A_KIND;
    for (Py_ssize_t i = 0; fine && i < PyList_GET_SIZE(list); i++) {
        PyObject *object = PyList_GET_ITEM(list, i);
        fine = IS_VALUE(object) && (!leaves || AS_VALUE(object)->kind == LEAF);
    }
    if (!fine) PyErr_SetString(PyExc_TypeError, "flatten takes a list of Values, a list of leaves and a truth");
    return fine;
}

/* flatten(outputs, inputs, share): the columns as bytes, the rules as ops; None where an operation of a user's own has
   to be evaluated, which only Python can. */
static PyObject *flatten(PyObject *module, PyObject *arguments) {
    PyObject *outputs, *inputs;
    int share;
    if (!PyArg_ParseTuple(arguments, "O!O!p:flatten", &PyList_Type, &outputs, &PyList_Type, &inputs, &share))
        return NULL;
    if (!are_nodes(outputs, 0) || !are_nodes(inputs, 1)) return NULL;
    Flat *flat = PyMem_RawCalloc(1, sizeof *flat);
    if (!flat) return PyErr_NoMemory();
    flat->share = share;
    PyObject *columns = flatten_graph(flat, PySequence_Fast_ITEMS(outputs), PyList_GET_SIZE(outputs),
                                      PySequence_Fast_ITEMS(inputs), PyList_GET_SIZE(inputs));
    PyMem_RawFree(flat->ops);
    PyMem_RawFree(flat->starts);
    PyMem_RawFree(flat->operands);
    PyMem_RawFree(flat->number);
    free(flat->number_table);
    free(flat->node_table);
    PyMem_RawFree(flat->room);
    PyMem_RawFree(flat);
    return columns;
}

/* ---- what Python sees of a node ------------------------------------------------------------------------------- */

static int as_float(PyObject *object, double *number) {
    if (PyFloat_CheckExact(object)) {
        *number = PyFloat_AS_DOUBLE(object);
        return 0;
    }
    PyObject *converted = PyObject_CallOneArg(callback("as_float"), object);
    if (!converted) return -1;
    *number = PyFloat_AS_DOUBLE(converted);
    Py_DECREF(converted);
    return 0;
}

static int set_name(Value *node, PyObject *name) {
    PyObject *checked; /* exactly a str, which refers to nothing, or None */
    if (name && name != Py_None && !PyUnicode_CheckExact(name)) {
        checked = PyObject_CallOneArg(callback("check_name"), name);
        if (!checked) return -1;
    } else
        checked = Py_NewRef(name ? name : Py_None);
    if (checked == Py_None || PyUnicode_GetLength(checked) == 0) Py_CLEAR(checked);
    Py_XSETREF(node->name, checked);
    return 0;
}

static PyObject *make_value(PyObject *data, PyObject *name, PyObject *label) {
    double number;
    if (as_float(data, &number)) return NULL;
    Value *leaf = new_leaf(number, 0);
    if (!leaf) return NULL;
    if (set_name(leaf, name && name != Py_None ? name : label)) {
        Py_DECREF(leaf);
        return NULL;
    }
    return checked(leaf);
}

static PyObject *value_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"data", "name", "label", NULL};
    PyObject *data, *name = NULL, *label = NULL;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|O$O:Value", names, &data, &name, &label)) return NULL;
    return make_value(data, name, label);
}

static PyObject *value_vectorcall(PyObject *type, PyObject *const *arguments, size_t count, PyObject *keywords) {
    count = PyVectorcall_NARGS(count);
    if (!keywords && (count == 1 || count == 2)) return make_value(arguments[0], count == 2 ? arguments[1] : NULL, NULL);
    PyObject *tuple = PyTuple_New((Py_ssize_t)count), *dict = keywords ? PyDict_New() : NULL, *result = NULL;
    int failed = !tuple || (keywords && !dict);
    for (size_t i = 0; !failed && i < count; i++) PyTuple_SET_ITEM(tuple, i, Py_NewRef(arguments[i]));
    for (Py_ssize_t i = 0; !failed && keywords && i < PyTuple_GET_SIZE(keywords); i++)
        failed = PyDict_SetItem(dict, PyTuple_GET_ITEM(keywords, i), arguments[count + i]) < 0;
    if (!failed) result = value_new((PyTypeObject *)type, tuple, dict);
    Py_XDECREF(tuple);
    Py_XDECREF(dict);
    return result;
}

static PyObject *get_data(PyObject *self, void *unused) { return PyFloat_FromDouble(AS_VALUE(self)->data); }

static int refuse_deletion(PyObject *what) {
    if (what) return 0;
    PyErr_SetString(PyExc_AttributeError, "an attribute of a Value can't be deleted");
    return -1;
}

static int set_data(PyObject *self, PyObject *number, void *unused) {
    return refuse_deletion(number) ? -1 : as_float(number, &AS_VALUE(self)->data);
}

static PyObject *get_grad(PyObject *self, void *unused) { return PyFloat_FromDouble(AS_VALUE(self)->grad); }

static int set_grad(PyObject *self, PyObject *number, void *unused) {
    return refuse_deletion(number) ? -1 : as_float(number, &AS_VALUE(self)->grad);
}

static PyObject *get_name(PyObject *self, void *unused) {
    PyObject *name = AS_VALUE(self)->name;
    return Py_NewRef(name ? name : Py_None);
}

static int set_name_attribute(PyObject *self, PyObject *name, void *unused) {
    return refuse_deletion(name) ? -1 : set_name(AS_VALUE(self), name);
}

static PyObject *get_op(PyObject *self, void *unused) {
    return Py_NewRef(PyList_GET_ITEM(rule_objects, AS_VALUE(self)->op));
}

static PyObject *get_is_constant(PyObject *self, void *unused) {
    return PyBool_FromLong(AS_VALUE(self)->flags & IS_CONSTANT);
}

/* The operand as a node: a plain number becomes a constant, once and for all. */
static PyObject *operand_node(Value *node, int place, unsigned flag) {
    if (node->flags & flag) {
        Value *constant = new_leaf(node->operand[place].number, IS_CONSTANT);
        if (!constant) return NULL;
        hand_back_to(constant, node, node->partial[place]); /* as a sweep would have, from a gradient of 0 */
        node->operand[place].node = constant;
        node->flags &= ~flag;
    }
    return Py_NewRef((PyObject *)node->operand[place].node);
}

static PyObject *get_parents(PyObject *self, void *unused) {
    Value *node = AS_VALUE(self);
    Many *many = node->kind == MANY ? node->operand[0].many : NULL;
    Py_ssize_t count = many ? many->count : node->kind;
    PyObject *parents = PyTuple_New(count);
    for (Py_ssize_t i = 0; parents && i < count; i++) {
        PyObject *parent = many ? Py_NewRef((PyObject *)many->parents[i])
                                : operand_node(node, (int)i, i ? SECOND_IS_NUMBER : FIRST_IS_NUMBER);
        if (!parent) Py_CLEAR(parents);
        else PyTuple_SET_ITEM(parents, i, parent);
    }
    return parents;
}

static PyObject *get_partials(PyObject *self, void *unused) {
    Value *node = AS_VALUE(self);
    Py_ssize_t count = node->kind == MANY ? node->operand[0].many->count : node->kind;
    double *numbers = node->kind == MANY ? many_partials(node->operand[0].many) : node->partial;
    PyObject *partials = PyTuple_New(count);
    for (Py_ssize_t i = 0; partials && i < count; i++) {
        PyObject *partial = PyFloat_FromDouble(numbers[i]);
        if (!partial) Py_CLEAR(partials);
        else PyTuple_SET_ITEM(partials, i, partial);
    }
    return partials;
}

/* ---- the operations, written out for every rule of the table -------------------------------------------------- */

#define UNARY_RULE(NAME)                                                                                              \
    static PyObject *unary_##NAME(PyObject *x) { return record_unary(OP_##NAME, rule_##NAME, AS_VALUE(x)); }          \
    static PyObject *function_##NAME(PyObject *Py_UNUSED(module), PyObject *x) {                                      \
        return IS_VALUE(x) ? unary_##NAME(x) : PyObject_CallOneArg(general[OP_##NAME], x);                            \
    }
FOR_UNARY_RULES(UNARY_RULE)

#define UNARY_METHOD(NAME, METHOD)                                                                                    \
    static PyObject *method_##METHOD(PyObject *x, PyObject *Py_UNUSED(ignored)) { return unary_##NAME(x); }
FOR_UNARY_METHODS(UNARY_METHOD)

#define BINARY_RULE(NAME, CONSTANT)                                                                                   \
    static PyObject *binary_##NAME(PyObject *x, PyObject *y) {                                                        \
        return apply_binary(OP_##NAME, rule_##NAME, OP_##CONSTANT, rule_##CONSTANT, x, y);                            \
    }                                                                                                                 \
    static PyObject *function_##NAME(PyObject *Py_UNUSED(module), PyObject *const *operands, Py_ssize_t count) {      \
        if (count == 2 && IS_VALUE(operands[0]) && (IS_VALUE(operands[1]) || PyFloat_CheckExact(operands[1])))        \
            return binary_##NAME(operands[0], operands[1]);                                                           \
        return PyObject_Vectorcall(general[OP_##NAME], operands, (size_t)count, NULL);                                \
    }
FOR_BINARY_RULES(BINARY_RULE)

static PyObject *power_operator(PyObject *x, PyObject *y, PyObject *modulus) {
    if (modulus != Py_None) return Py_NewRef(Py_NotImplemented);
    return binary_pow(x, y);
}

/* The elements of one list as nodes, plain floats as constants; how many there are, or -1 where the general function
   has to look, or -2 for an error. */
static Py_ssize_t collect(PyObject *list, PyObject **operands) {
    Py_ssize_t length = PySequence_Fast_GET_SIZE(list);
    for (Py_ssize_t i = 0; i < length; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(list, i);
        if (IS_VALUE(item)) operands[i] = Py_NewRef(item);
        else if (PyFloat_CheckExact(item)) operands[i] = (PyObject *)new_leaf(PyFloat_AS_DOUBLE(item), IS_CONSTANT);
        else length = -1;
        if (length < 0 || !operands[i]) {
            while (i-- > 0) Py_DECREF(operands[i]);
            return length < 0 ? -1 : -2;
        }
    }
    return length;
}

static int has_value(PyObject *const *lists, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; i++)
        for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(lists[i]); k++)
            if (IS_VALUE(PySequence_Fast_GET_ITEM(lists[i], k))) return 1;
    return 0;
}

/* A function of lists: one node, if they are lists or tuples of one length, of Values and floats, a Value among them. */
static PyObject *apply_lists(unsigned op, ManyRule rule, Py_ssize_t lists, PyObject *const *arguments,
                             Py_ssize_t count) {
    Py_ssize_t filled = 0, added = count == lists ? 0 : -1, length = -1;
    for (Py_ssize_t i = 0; i < count && added == 0; i++) {
        if (!PyList_CheckExact(arguments[i]) && !PyTuple_CheckExact(arguments[i])) added = -1;
        else if (length >= 0 && PySequence_Fast_GET_SIZE(arguments[i]) != length) added = -1;
        else length = PySequence_Fast_GET_SIZE(arguments[i]);
    }
    if (added < 0 || !has_value(arguments, count))
        return PyObject_Vectorcall(general[op], arguments, (size_t)count, NULL);
    PyObject **operands = PyMem_Malloc(lists * length * sizeof *operands), *node = NULL;
    if (!operands) return PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < lists && added >= 0; i++) {
        added = collect(arguments[i], operands + filled);
        if (added > 0) filled += added;
    }
    if (added >= 0) node = record_many(op, rule, filled, operands);
    while (filled-- > 0) Py_DECREF(operands[filled]);
    PyMem_Free(operands);
    return added == -1 ? PyObject_Vectorcall(general[op], arguments, (size_t)count, NULL) : node;
}

#define LIST_RULE(NAME, LISTS)                                                                                        \
    static PyObject *function_##NAME(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count) {     \
        return apply_lists(OP_##NAME, many_##NAME, LISTS, arguments, count);                                          \
    }
FOR_LIST_RULES(LIST_RULE)

/* ---- nodes made from Python: for operands that are Values already, and for copies ------------------------------ */

/* record(op, *values): the node of a rule of the table on Values. */
static PyObject *record(PyObject *module, PyObject *const *arguments, Py_ssize_t count) {
    long op = count ? PyLong_AsLong(arguments[0]) : -1;
    if (op == -1 && PyErr_Occurred()) return NULL;
    for (Py_ssize_t i = 1; i < count; i++)
        if (!IS_VALUE(arguments[i])) return PyErr_Format(PyExc_TypeError, "record takes an op and Values");
    PyObject *const *operands = arguments + 1;
    Py_ssize_t given = count - 1;
    if (op <= 0 || op >= OP_COUNT || given < 1 || (rule_arity[op] && rule_arity[op] != given))
        return PyErr_Format(PyExc_TypeError, "record: no operation %ld on %zd operands", op, given);
    switch (op) {
#define RECORD_UNARY(NAME)                                                                                            \
    case OP_##NAME: return unary_##NAME(operands[0]);
        FOR_UNARY_RULES(RECORD_UNARY)
#define RECORD_BINARY(NAME, CONSTANT)                                                                                 \
    case OP_##NAME:                                                                                                   \
        return record_binary(op, rule_##NAME, AS_VALUE(operands[0]), AS_VALUE(operands[0])->data,                     \
                             AS_VALUE(operands[1]), AS_VALUE(operands[1])->data);
        FOR_BINARY_RULES(RECORD_BINARY)
#define RECORD_MANY(NAME)                                                                                             \
    case OP_##NAME: return record_many(op, many_##NAME, given, operands);
        FOR_MANY_RULES(RECORD_MANY)
    }
    Py_UNREACHABLE();
}

static PyObject *make_node(unsigned op, double data, double grad, PyObject *name, PyObject *parents,
                           PyObject *partials, int is_constant) {
    Py_ssize_t count = PyTuple_GET_SIZE(parents);
    if (op >= (unsigned)PyList_GET_SIZE(rule_objects) || count != PyTuple_GET_SIZE(partials) || !op != !count)
        return PyErr_Format(PyExc_TypeError, "make: operation %u with %zd parents", op, count);
    for (Py_ssize_t i = 0; i < count; i++)
        if (!IS_VALUE(PyTuple_GET_ITEM(parents, i)) || !PyFloat_Check(PyTuple_GET_ITEM(partials, i)))
            return PyErr_Format(PyExc_TypeError, "make: parents are Values and partials floats");
    long arity = op < OP_COUNT ? rule_arity[op] : 0;
    Many *many = NULL;
    unsigned kind = op == 0 ? LEAF : arity == 1 ? UNARY : arity == 2 ? BINARY : MANY;
    if (arity && arity != count) return PyErr_Format(PyExc_TypeError, "make: %ld parents, not %zd", arity, count);
    if (kind == MANY && !(many = PyMem_Malloc(sizeof(Many) + count * (sizeof(Value *) + sizeof(double)))))
        return PyErr_NoMemory();
    Value *node = new_node(op, LEAF);
    if (!node) {
        PyMem_Free(many);
        return NULL;
    }
    node->data = data;
    node->grad = grad;
    node->flags = is_constant ? IS_CONSTANT : 0;
    if (set_name(node, name)) {
        PyMem_Free(many);
        Py_DECREF(node);
        return NULL;
    }
    if (many) {
        many->count = count;
        node->operand[0].many = many;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        Value *parent = AS_VALUE(Py_NewRef(PyTuple_GET_ITEM(parents, i)));
        double partial = PyFloat_AS_DOUBLE(PyTuple_GET_ITEM(partials, i));
        if (many) {
            many->parents[i] = parent;
            many_partials(many)[i] = partial;
        } else {
            node->operand[i].node = parent;
            node->partial[i] = partial;
        }
    }
    node->kind = kind;
    if (op >= OP_COUNT) nodes_of[op]++;
    if (is_constant) return (PyObject *)node; /* what is computed with a plain number is checked, not the number */
    return checked(node);
}

/* make(op, data, grad, name, parents, partials, is_constant): a node from its parts. */
static PyObject *make(PyObject *module, PyObject *arguments) {
    unsigned op;
    double data, grad;
    int is_constant;
    PyObject *name, *parents, *partials;
    if (!PyArg_ParseTuple(arguments, "IddOO!O!p:make", &op, &data, &grad, &name, &PyTuple_Type, &parents, &PyTuple_Type,
                          &partials, &is_constant))
        return NULL;
    return make_node(op, data, grad, name, parents, partials, is_constant);
}

/* A copy of the node with other parents. */
static PyObject *twin(PyObject *self, PyObject *parents) {
    Value *node = AS_VALUE(self);
    if (!PyTuple_Check(parents)) return PyErr_Format(PyExc_TypeError, "_twin: parents are a tuple");
    PyObject *partials = get_partials(self, NULL);
    if (!partials) return NULL;
    PyObject *copy = make_node(node->op, node->data, node->grad, node->name, parents, partials,
                               node->flags & IS_CONSTANT);
    Py_DECREF(partials);
    return copy;
}

/* configure(callbacks, open_blocks, rules): what Python does for the engine, the list of open strict() blocks, and a
   list with the Rule of each op. */
static PyObject *configure(PyObject *module, PyObject *arguments) {
    PyObject *given, *blocks, *rules;
    static const char *wanted[] = {"operand", "as_float", "check_name", "check_finite", "check_adjoints"};
    if (!PyArg_ParseTuple(arguments, "O!O!O!:configure", &PyDict_Type, &given, &PyList_Type, &blocks, &PyList_Type,
                          &rules))
        return NULL;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!PyDict_GetItemString(given, wanted[i])) return PyErr_Format(PyExc_KeyError, "configure: %s", wanted[i]);
    if (PyList_GET_SIZE(rules) < OP_COUNT) return PyErr_Format(PyExc_ValueError, "configure: too few rules");
    Py_XSETREF(callbacks, Py_NewRef(given));
    Py_XSETREF(open_blocks, Py_NewRef(blocks));
    Py_XSETREF(rule_objects, Py_NewRef(rules));
    Py_RETURN_NONE;
}

/* check_interpreter(): raises ImportError in a subinterpreter. The state of this engine is the process's, and refers to
   objects of the main interpreter. */
static PyObject *check_interpreter(PyObject *module, PyObject *unused) {
    if (PyInterpreterState_Get() == PyInterpreterState_Main()) Py_RETURN_NONE;
    PyErr_SetString(PyExc_ImportError, "the native engine works in the main interpreter alone");
    return NULL;
}

static const PyMethodDef functions[] = {
#define UNARY_FUNCTION(NAME) {#NAME, function_##NAME, METH_O, NULL},
    FOR_UNARY_RULES(UNARY_FUNCTION)
#define BINARY_FUNCTION(NAME, CONSTANT) {#NAME, (PyCFunction)(void (*)(void))function_##NAME, METH_FASTCALL, NULL},
    FOR_BINARY_RULES(BINARY_FUNCTION)
#define LIST_FUNCTION(NAME, LISTS) {#NAME, (PyCFunction)(void (*)(void))function_##NAME, METH_FASTCALL, NULL},
    FOR_LIST_RULES(LIST_FUNCTION)
};

/* function(op, general, doc): the rule's function of the package, for Values; for anything else it asks the general
   one. A rule without a fast function has its general one alone. */
static PyObject *function(PyObject *module, PyObject *arguments) {
    unsigned op;
    PyObject *otherwise;
    const char *doc;
    if (!PyArg_ParseTuple(arguments, "IOs:function", &op, &otherwise, &doc)) return NULL;
    if (!op || op >= OP_COUNT) return PyErr_Format(PyExc_ValueError, "function: no operation %u", op);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].ml_name, rule_names[op]) != 0) continue;
        struct { /* kept for as long as the process lives, as the function may be */
            PyMethodDef definition;
            char doc[];
        } *kept = PyMem_Malloc(sizeof(PyMethodDef) + strlen(doc) + 1);
        PyObject *package = PyUnicode_FromString("microgrid");
        if (!kept || !package) {
            PyMem_Free(kept);
            Py_XDECREF(package);
            return PyErr_NoMemory();
        }
        kept->definition = functions[i];
        kept->definition.ml_doc = strcpy(kept->doc, doc);
        Py_XSETREF(general[op], Py_NewRef(otherwise));
        PyObject *made = PyCFunction_NewEx(&kept->definition, NULL, package);
        Py_DECREF(package);
        return made;
    }
    return Py_NewRef(otherwise);
}

/* ---- the type and the module ---------------------------------------------------------------------------------- */

/* What ValueBase leaves to an engine, whose docstrings are there; and the rules of one operand. */
static PyMethodDef value_methods[] = {
    {"backward", backward, METH_NOARGS, NULL},
    {"zero_grad", zero_grad, METH_NOARGS, NULL},
    {"_twin", twin, METH_O, NULL},
#define METHOD_ENTRY(NAME, METHOD) {#METHOD, method_##METHOD, METH_NOARGS, NULL}, /* set_method_doc documents it */
    FOR_UNARY_METHODS(METHOD_ENTRY)
    {NULL},
};

/* set_method_doc(name, doc): what help says of a method; the text begins with the method's signature. */
static PyObject *set_method_doc(PyObject *module, PyObject *arguments) {
    const char *name, *doc;
    if (!PyArg_ParseTuple(arguments, "ss:set_method_doc", &name, &doc)) return NULL;
    for (PyMethodDef *method = value_methods; method->ml_name; method++) {
        if (strcmp(method->ml_name, name) != 0) continue;
        char *kept = PyMem_Malloc(strlen(doc) + 1);
        if (!kept) return PyErr_NoMemory();
        PyMem_Free((void *)method->ml_doc);
        method->ml_doc = strcpy(kept, doc);
        Py_RETURN_NONE;
    }
    return PyErr_Format(PyExc_ValueError, "set_method_doc: no method %s", name);
}

/* The docstrings are those of the pure-Python engine's Value. */
static PyGetSetDef value_attributes[] = {
    {"data", get_data, set_data, "The number itself, a float. Setting a leaf's changes nothing that was recorded.", NULL},
    {"grad", get_grad, set_grad, "The derivative of what backward was called on with respect to this node; a leaf's adds up.", NULL},
    {"name", get_name, set_name_attribute, "The name in drawings and messages, or None.", NULL},
    {"op", get_op, NULL, "The rule that made this node; None for a leaf.", NULL},
    {"parents", get_parents, NULL, "The operands, in order and with repeats; empty for a leaf.", NULL},
    {"partials", get_partials, NULL, "The local derivatives, one for each parent, fixed when the node was recorded.", NULL},
    {"is_constant", get_is_constant, NULL, "Whether this leaf was a plain number in an expression.", NULL},
    {NULL},
};

/* A class written in Python has its instances tracked by the collector, and a type that derives from it inherits that
   unless it has a tp_traverse of its own. Nodes have no room for the collector's links, so this type has one; nobody
   calls it. */
static int not_traversed(PyObject *self, visitproc visit, void *argument) { return 0; }

static PyType_Slot value_slots[] = {
    {Py_tp_doc, "Value(data, name=None, *, label=None)\n--\n\n"}, /* the signature; ValueBase has the text */
    {Py_tp_traverse, not_traversed},
    {Py_tp_new, value_new},
    {Py_tp_dealloc, value_dealloc},
    {Py_tp_methods, value_methods},
    {Py_tp_getset, value_attributes},
#define OPERATOR_SLOT(SLOT, FUNCTION) {SLOT, FUNCTION},
    FOR_OPERATORS(OPERATOR_SLOT)
    {0, NULL},
};

static PyType_Spec value_spec = {"microgrid.Value", sizeof(Value), 0, Py_TPFLAGS_DEFAULT, value_slots};

static PyMethodDef module_methods[] = {
    {"check_interpreter", check_interpreter, METH_NOARGS, NULL},
    {"configure", configure, METH_VARARGS, NULL},
    {"flatten", flatten, METH_VARARGS, NULL},
    {"function", function, METH_VARARGS, NULL},
    {"make", make, METH_VARARGS, NULL},
    {"record", (PyCFunction)(void (*)(void))record, METH_FASTCALL, NULL},
    {"set_method_doc", set_method_doc, METH_VARARGS, NULL},
    {NULL},
};

static struct PyModuleDef module_definition = {PyModuleDef_HEAD_INIT, "microgrid.core._engine", NULL, -1, module_methods};

static int add_rule_names(PyObject *module) {
    PyObject *names = PyList_New(0);
    if (!names) return -1;
    for (unsigned op = 0; op < OP_COUNT; op++) {
        PyObject *name = PyUnicode_FromString(rule_names[op]);
        if (!name || PyList_Append(names, name)) {
            Py_XDECREF(name);
            Py_DECREF(names);
            return -1;
        }
        Py_DECREF(name);
    }
    int failed = PyModule_AddObjectRef(module, "rule_names", names);
    Py_DECREF(names);
    return failed;
}

/* The Value of this engine derives from what every engine's Value is, which is written in Python. That class has no
   storage of its own, and operators, vectorcall and the sweeps are this type's, so that it costs no speed. */
static PyTypeObject *make_type(void) {
    PyObject *value = PyImport_ImportModule("microgrid.core.value");
    PyObject *base = value ? PyObject_GetAttrString(value, "ValueBase") : NULL;
    PyObject *type = base ? PyType_FromSpecWithBases(&value_spec, base) : NULL;
    if (type && PyType_IS_GC((PyTypeObject *)type)) { /* then the collector would write into nodes */
        PyErr_SetString(PyExc_ImportError, "the type of the nodes is tracked by the garbage collector");
        Py_CLEAR(type);
    }
    Py_XDECREF(value);
    Py_XDECREF(base);
    return (PyTypeObject *)type;
}

PyMODINIT_FUNC PyInit__engine(void) {
    PyObject *module = PyModule_Create(&module_definition);
    if (!module) return NULL;
    ValueType = make_type();
    if (!ValueType || PyModule_AddObjectRef(module, "Value", (PyObject *)ValueType) || add_rule_names(module) ||
        PyModule_AddStringConstant(module, "built_from", BUILT_FROM)) {
        Py_DECREF(module);
        return NULL;
    }
#ifdef Py_GIL_DISABLED
    /* The slabs, the list of nodes to be freed and the arrays of a sweep are the process's, and a lock around each use
       would cost more than recording: a free-threaded Python turns its lock on when it loads this, and warns. */
    if (PyUnstable_Module_SetGIL(module, Py_MOD_GIL_USED)) {
        Py_DECREF(module);
        return NULL;
    }
#endif
    ValueType->tp_vectorcall = value_vectorcall;
    return module;
}
