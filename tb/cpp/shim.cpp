// The C ABI of one Verilated model. Three generated files lie beside this one: `ports.inc` (written from Verilator's own header)
// lists the ports, `clocks.inc` those that are clocks, `extension.inc` holds model-specific entry points. An instance owns its
// VerilatedContext, so instances share nothing and may live on different threads.
#include <cstdint>
#include <cstring>
#include <memory>

#include "Vmodel.h"
#include "verilated.h"
#include "verilated_sym_props.h"
#if BS_TRACE
#include "verilated_fst_c.h"
#endif

#define BS_API extern "C" __attribute__((visibility("default")))

struct Instance {
    VerilatedContext context;
#if BS_TRACE
    // Declared before the model: the model's scopes unregister from the trace file while the file still exists.
    std::unique_ptr<VerilatedFstC> trace;
#endif
    std::unique_ptr<Vmodel> model;
    uint64_t cycles = 0;
    uint64_t trace_from = 0;
    uint64_t trace_to = 0;

    void dump() {
#if BS_TRACE
        if (trace && cycles >= trace_from && cycles < trace_to) trace->dump(context.time());
#endif
    }

    // Clock low: combinational outputs settle on the inputs of this cycle.
    void low() {
#define BS_CLOCK(member) model->member = 0;
#include "clocks.inc"
#undef BS_CLOCK
        model->eval();
        dump();
        context.timeInc(1);
    }

    // Rising edge.
    void high() {
#define BS_CLOCK(member) model->member = 1;
#include "clocks.inc"
#undef BS_CLOCK
        model->eval();
        dump();
        context.timeInc(1);
        cycles++;
    }
};

struct PortInfo {
    const char* name;
    uint32_t width;
    uint32_t is_input;
};

static const PortInfo PORTS[] = {
#define BS_PORT(member, name, width, is_input) {name, width, is_input},
#include "ports.inc"
#undef BS_PORT
};

BS_API uint32_t bs_port_count() { return sizeof PORTS / sizeof PORTS[0]; }

BS_API const PortInfo* bs_port_info(uint32_t index) { return &PORTS[index]; }

// `randomise`: registers and memories without a reset value start with random bits drawn from `seed`, else with zeros.
BS_API Instance* bs_new(uint32_t seed, uint32_t randomise) {
    auto* instance = new Instance;
    instance->context.threads(BS_THREADS);
    instance->context.randReset(randomise ? 2 : 0);
    instance->context.randSeed(static_cast<int>(seed));
#if BS_TRACE
    instance->context.traceEverOn(true);
#endif
    instance->model = std::make_unique<Vmodel>(&instance->context, "top");
    return instance;
}

BS_API void bs_delete(Instance* instance) {
    instance->model->final();
#if BS_TRACE
    if (instance->trace) instance->trace->close();
#endif
    delete instance;
}

BS_API void* bs_port_address(Instance* instance, uint32_t index) {
    void* const addresses[] = {
#define BS_PORT(member, name, width, is_input) (void*)&instance->model->member,
#include "ports.inc"
#undef BS_PORT
    };
    return addresses[index];
}

BS_API void bs_eval(Instance* instance) { instance->model->eval(); }

BS_API void bs_tick(Instance* instance, uint64_t cycles) {
    while (cycles--) {
        instance->low();
        instance->high();
    }
}

BS_API uint64_t bs_cycles(const Instance* instance) { return instance->cycles; }

// The value of a watched signal of up to 64 bits; 0 when there is none of that name.
BS_API int bs_peek(const Instance* instance, const char* scope, const char* name, uint64_t* value) {
    const VerilatedScope* const found = instance->context.scopeFind(scope);
    const VerilatedVar* const signal = found ? found->varFind(name) : nullptr;
    if (!signal) return 0;
    switch (signal->vltype()) {
        case VLVT_UINT8: *value = *static_cast<const CData*>(signal->datap()); return 1;
        case VLVT_UINT16: *value = *static_cast<const SData*>(signal->datap()); return 1;
        case VLVT_UINT32: *value = *static_cast<const IData*>(signal->datap()); return 1;
        case VLVT_UINT64: *value = *static_cast<const QData*>(signal->datap()); return 1;
        default: return 0;
    }
}

// Waves of the cycles [from, to). Returns 0 when the model was built without tracing or the file cannot be written.
BS_API int bs_trace(Instance* instance, const char* path, uint64_t from, uint64_t to) {
#if BS_TRACE
    if (instance->trace) instance->trace->close();
    instance->trace = std::make_unique<VerilatedFstC>();
    instance->model->trace(instance->trace.get(), 99);
    instance->trace->open(path);
    instance->trace_from = from;
    instance->trace_to = to;
    return instance->trace->isOpen();
#else
    (void)instance, (void)path, (void)from, (void)to;
    return 0;
#endif
}

#include "extension.inc"
