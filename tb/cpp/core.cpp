// The host port of a core: drives posted writes and collects pushes, both with ready/valid. The loop is here, not behind the C ABI,
// because a call per cycle would cost more than the cycle.

struct HostWrite {
    uint32_t addr;
    uint32_t data;
};

struct HostPush {
    uint32_t addr;
    uint32_t data;
    uint32_t last;
};

// Random gaps: a write is offered, and a push accepted, only in some cycles (probability in 1/256 of a pause).
struct HostPauses {
    uint64_t state;
    uint32_t write;
    uint32_t push;

    // xorshift64*: any generator will do, it only has to be the same everywhere.
    uint32_t draw() {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        return static_cast<uint32_t>((state * 0x2545f4914f6cdd1dULL) >> 56);
    }
};

struct HostRun {
    uint64_t written;
    uint64_t pushed;
    // Cycles since the last write was taken or the last word was pushed.
    uint64_t quiet;
};

BS_API void bs_core_reset(Instance* core) {
    core->model->reset = 1;
    core->model->host_valid_i = 0;
    core->model->host_addr_i = 0;
    core->model->host_data_i = 0;
    core->model->push_ready_i = 0;
    for (int i = 0; i < 4; i++) {
        core->low();
        core->high();
    }
    core->model->reset = 0;
}

// Runs until all writes are taken and `wanted` words were pushed (0 wanted: until the writes are taken), `capacity` words have arrived, or
// nothing has happened for `patience` cycles.
BS_API void bs_core_run(Instance* core, HostPauses* pauses, const HostWrite* writes, uint64_t count, HostPush* pushes,
                        uint64_t capacity, uint64_t wanted, uint64_t patience, HostRun* run) {
    auto& port = *core->model;
    bool offered = port.host_valid_i;
    while ((run->written < count || run->pushed < wanted) && run->pushed < capacity && run->quiet < patience) {
        // Once offered, a write stays until it is taken.
        if (run->written < count && !offered) offered = !pauses->write || pauses->draw() >= pauses->write;
        port.host_valid_i = offered;
        if (offered) {
            port.host_addr_i = writes[run->written].addr;
            port.host_data_i = writes[run->written].data;
        }
        port.push_ready_i = !pauses->push || pauses->draw() >= pauses->push;
        core->low();
        run->quiet++;
        if (port.push_valid_o && port.push_ready_i) {
            pushes[run->pushed++] = {port.push_addr_o, port.push_data_o, port.push_last_o};
            run->quiet = 0;
        }
        bool taken = offered && port.host_ready_o;
        core->high();
        if (taken) {
            run->written++;
            run->quiet = 0;
            offered = false;
        }
    }
    port.host_valid_i = 0;
    port.push_ready_i = 0;
}
