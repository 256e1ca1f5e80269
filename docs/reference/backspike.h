/* Generated from the layout tables by `backspike generate`; do not edit. */
#ifndef BACKSPIKE_H
#define BACKSPIKE_H

#include <stdint.h>

/* Identity */
#define BACKSPIKE_MAGIC 0x424b5350u
#define BACKSPIKE_VERSION 0x000100u
#define BACKSPIKE_LAYOUT_VERSION 2u
#define BACKSPIKE_TIME_BLOCK 4u
#define BACKSPIKE_MAX_TOKENS 128u
#define BACKSPIKE_PCI_MAGIC 0x424b5046u
#define BACKSPIKE_PCI_VENDOR 0x1e5fu
#define BACKSPIKE_PCI_DEVICE 0x0020u
#define BACKSPIKE_PCI_CLASS 0x120000u
#define BACKSPIKE_PCI_BAR_BYTES 0x2000u
#define BACKSPIKE_PCI_DOORBELLS 0x1000u
#define BACKSPIKE_DESCRIPTOR_BYTES 16u
#define BACKSPIKE_COMPLETION_BYTES 8u
#define BACKSPIKE_MAX_TRANSFER 0x100000u

/* host address */
/* 32-bit word in the row */
#define BACKSPIKE_ADDRESS_SUB_OFFSET 0u
#define BACKSPIKE_ADDRESS_SUB_BITS 5u
/* row of the memory */
#define BACKSPIKE_ADDRESS_ROW_OFFSET 5u
#define BACKSPIKE_ADDRESS_ROW_BITS 20u
/* region */
#define BACKSPIKE_ADDRESS_REGION_OFFSET 28u
#define BACKSPIKE_ADDRESS_REGION_BITS 4u

/* low word of an instruction */
/* operation (Op); 0 and 10..=15 are illegal */
#define BACKSPIKE_INSTRUCTION_OP_OFFSET 0u
#define BACKSPIKE_INSTRUCTION_OP_BITS 4u
/* descriptor in the engine's table */
#define BACKSPIKE_INSTRUCTION_SLICE_OFFSET 4u
#define BACKSPIKE_INSTRUCTION_SLICE_BITS 8u
/* sample slot */
#define BACKSPIKE_INSTRUCTION_SLOT_OFFSET 12u
#define BACKSPIKE_INSTRUCTION_SLOT_BITS 8u
/* argument: token, the further slots of ACCUMULATE, or the shifts of UPDATE */
#define BACKSPIKE_INSTRUCTION_ARG_OFFSET 20u
#define BACKSPIKE_INSTRUCTION_ARG_BITS 12u

/* argument of ACCUMULATE */
/* slots beside the one named, which follow it; taken modulo `gradient_slots` of the configuration */
#define BACKSPIKE_ACCUMULATE_ARG_FURTHER_OFFSET 0u
#define BACKSPIKE_ACCUMULATE_ARG_FURTHER_BITS 3u

/* argument of UPDATE */
/* learning-rate shift n */
#define BACKSPIKE_UPDATE_ARG_RATE_SHIFT_OFFSET 0u
#define BACKSPIKE_UPDATE_ARG_RATE_SHIFT_BITS 6u
/* gradient scale shift gs */
#define BACKSPIKE_UPDATE_ARG_SCALE_SHIFT_OFFSET 6u
#define BACKSPIKE_UPDATE_ARG_SCALE_SHIFT_BITS 6u

/* shape column */
/* time steps T of a sample, 1..=255 */
#define BACKSPIKE_SHAPE_STEPS_OFFSET 0u
#define BACKSPIKE_SHAPE_STEPS_BITS 8u
/* time blocks, ceil(T / 4) */
#define BACKSPIKE_SHAPE_BLOCKS_OFFSET 8u
#define BACKSPIKE_SHAPE_BLOCKS_BITS 8u
/* valid lanes in the last tile, 1..=lanes */
#define BACKSPIKE_SHAPE_LAST_LANES_OFFSET 16u
#define BACKSPIKE_SHAPE_LAST_LANES_BITS 6u

/* neuron column */
/* leak: u - (u >>> leak_k) */
#define BACKSPIKE_NEURON_LEAK_K_OFFSET 0u
#define BACKSPIKE_NEURON_LEAK_K_BITS 5u
/* 0 switches the leak off (IF) */
#define BACKSPIKE_NEURON_LEAK_ON_OFFSET 5u
#define BACKSPIKE_NEURON_LEAK_ON_BITS 1u
/* what a spike does to the membrane (0 none, 1 hard, 2 soft) */
#define BACKSPIKE_NEURON_RESET_OFFSET 6u
#define BACKSPIKE_NEURON_RESET_BITS 2u
/* reset, then leak (1) or leak, then reset (0) */
#define BACKSPIKE_NEURON_RESET_BEFORE_LEAK_OFFSET 8u
#define BACKSPIKE_NEURON_RESET_BEFORE_LEAK_BITS 1u
/* fires at u >= theta (1) or u > theta (0) */
#define BACKSPIKE_NEURON_FIRE_GE_OFFSET 9u
#define BACKSPIKE_NEURON_FIRE_GE_BITS 1u
/* leaky integrator that never fires; its membrane is stored */
#define BACKSPIKE_NEURON_READOUT_OFFSET 10u
#define BACKSPIKE_NEURON_READOUT_BITS 1u
/* right shift of the input sum */
#define BACKSPIKE_NEURON_INPUT_SHIFT_OFFSET 11u
#define BACKSPIKE_NEURON_INPUT_SHIFT_BITS 4u
/* the gradient does not flow through a soft reset */
#define BACKSPIKE_NEURON_DETACH_RESET_OFFSET 15u
#define BACKSPIKE_NEURON_DETACH_RESET_BITS 1u
/* gain of surrogate code 1 is 2^gain1, signed */
#define BACKSPIKE_NEURON_GAIN1_OFFSET 16u
#define BACKSPIKE_NEURON_GAIN1_BITS 4u
/* gain of surrogate code 2 is 2^gain2, signed */
#define BACKSPIKE_NEURON_GAIN2_OFFSET 20u
#define BACKSPIKE_NEURON_GAIN2_BITS 4u
/* gain of surrogate code 3 is 2^gain3, signed */
#define BACKSPIKE_NEURON_GAIN3_OFFSET 24u
#define BACKSPIKE_NEURON_GAIN3_BITS 4u
/* theta = 2^theta_shift, for a reset gradient that is not detached, signed */
#define BACKSPIKE_NEURON_THETA_SHIFT_OFFSET 28u
#define BACKSPIKE_NEURON_THETA_SHIFT_BITS 4u

/* optimizer column */
/* 1 SGD, 2 Lion */
#define BACKSPIKE_OPTIMIZER_KIND_OFFSET 0u
#define BACKSPIKE_OPTIMIZER_KIND_BITS 2u
/* momentum shift b1 */
#define BACKSPIKE_OPTIMIZER_B1_OFFSET 2u
#define BACKSPIKE_OPTIMIZER_B1_BITS 4u
/* momentum shift b2 (Lion) */
#define BACKSPIKE_OPTIMIZER_B2_OFFSET 6u
#define BACKSPIKE_OPTIMIZER_B2_BITS 4u
/* weight_max = 2^weight_max_exp */
#define BACKSPIKE_OPTIMIZER_WEIGHT_MAX_EXP_OFFSET 10u
#define BACKSPIKE_OPTIMIZER_WEIGHT_MAX_EXP_BITS 2u
/* LSB of the gradient is 2^(-18 + gradient_shift) */
#define BACKSPIKE_OPTIMIZER_GRADIENT_SHIFT_OFFSET 12u
#define BACKSPIKE_OPTIMIZER_GRADIENT_SHIFT_BITS 4u

/* coordinates column */
/* network index of fan-in 0 */
#define BACKSPIKE_COORDINATES_IN_BASE_OFFSET 0u
#define BACKSPIKE_COORDINATES_IN_BASE_BITS 16u
/* network index of lane 0 of tile 0 */
#define BACKSPIKE_COORDINATES_OUT_BASE_OFFSET 16u
#define BACKSPIKE_COORDINATES_OUT_BASE_BITS 16u

/* status register */
/* the weight memory's port A was asked to read and write in one cycle */
#define BACKSPIKE_STATUS_CONFLICT_A_OFFSET 0u
#define BACKSPIKE_STATUS_CONFLICT_A_BITS 1u
/* the weight memory's port B was asked for by two engines in one cycle */
#define BACKSPIKE_STATUS_CONFLICT_B_OFFSET 1u
#define BACKSPIKE_STATUS_CONFLICT_B_BITS 1u
/* an illegal instruction was dropped by FP */
#define BACKSPIKE_STATUS_ILLEGAL_FP_OFFSET 4u
#define BACKSPIKE_STATUS_ILLEGAL_FP_BITS 1u
/* an illegal instruction was dropped by BP */
#define BACKSPIKE_STATUS_ILLEGAL_BP_OFFSET 5u
#define BACKSPIKE_STATUS_ILLEGAL_BP_BITS 1u
/* an illegal instruction was dropped by WG */
#define BACKSPIKE_STATUS_ILLEGAL_WG_OFFSET 6u
#define BACKSPIKE_STATUS_ILLEGAL_WG_BITS 1u
/* an illegal instruction was dropped by IO */
#define BACKSPIKE_STATUS_ILLEGAL_IO_OFFSET 7u
#define BACKSPIKE_STATUS_ILLEGAL_IO_BITS 1u

/* PCI register control */
/* the rings run */
#define BACKSPIKE_CONTROL_ENABLE_OFFSET 0u
#define BACKSPIKE_CONTROL_ENABLE_BITS 1u
/* what is read comes back: the core sees nothing */
#define BACKSPIKE_CONTROL_LOOPBACK_OFFSET 1u
#define BACKSPIKE_CONTROL_LOOPBACK_BITS 1u
/* write 1: abort all transfers and reset engines, rings, counters and core; reads 1 until that is done */
#define BACKSPIKE_CONTROL_RESET_OFFSET 2u
#define BACKSPIKE_CONTROL_RESET_BITS 1u

/* PCI register status */
/* why the ring to the device stopped, 0 while it runs */
#define BACKSPIKE_LINK_STATUS_TO_DEVICE_OFFSET 0u
#define BACKSPIKE_LINK_STATUS_TO_DEVICE_BITS 4u
/* why the ring to the host stopped, 0 while it runs */
#define BACKSPIKE_LINK_STATUS_TO_HOST_OFFSET 4u
#define BACKSPIKE_LINK_STATUS_TO_HOST_BITS 4u
/* a descriptor or its data is on the way */
#define BACKSPIKE_LINK_STATUS_BUSY_OFFSET 8u
#define BACKSPIKE_LINK_STATUS_BUSY_BITS 1u

/* PCI registers cause and mask, and interrupts by number */
/* completion records of the ring to the device were written */
#define BACKSPIKE_INTERRUPTS_TO_DEVICE_OFFSET 0u
#define BACKSPIKE_INTERRUPTS_TO_DEVICE_BITS 1u
/* completion records of the ring to the host were written */
#define BACKSPIKE_INTERRUPTS_TO_HOST_OFFSET 1u
#define BACKSPIKE_INTERRUPTS_TO_HOST_BITS 1u
/* a ring stopped */
#define BACKSPIKE_INTERRUPTS_ERROR_OFFSET 2u
#define BACKSPIKE_INTERRUPTS_ERROR_BITS 1u

/* flags of a DMA descriptor */
/* to the device: a packet ends with these bytes; to the host: must be 0 */
#define BACKSPIKE_DESCRIPTOR_FLAGS_END_OFFSET 0u
#define BACKSPIKE_DESCRIPTOR_FLAGS_END_BITS 1u

/* second word of a completion record */
/* how the transfer ended */
#define BACKSPIKE_COMPLETION_OUTCOME_OFFSET 0u
#define BACKSPIKE_COMPLETION_OUTCOME_BITS 4u
/* to the host: a packet ends with these bytes */
#define BACKSPIKE_COMPLETION_END_OFFSET 8u
#define BACKSPIKE_COMPLETION_END_BITS 1u
/* descriptors completed with this one, modulo 2^16: what tells a new record from the one before in its place */
#define BACKSPIKE_COMPLETION_SEQUENCE_OFFSET 16u
#define BACKSPIKE_COMPLETION_SEQUENCE_BITS 16u

/* second word of a record to the core */
/* data words that follow, padded to an even number */
#define BACKSPIKE_RECORD_WORDS_OFFSET 0u
#define BACKSPIKE_RECORD_WORDS_BITS 24u
/* words of a row of the region, less one: where the address goes to the next row */
#define BACKSPIKE_RECORD_LAST_SUB_OFFSET 24u
#define BACKSPIKE_RECORD_LAST_SUB_BITS 5u

/* first word of the beat after the words of a PUSH, or of a packet of a mesh */
/* the core that the words before this beat come from, 0 when it stands alone */
#define BACKSPIKE_PUSH_TRAILER_CORE_OFFSET 0u
#define BACKSPIKE_PUSH_TRAILER_CORE_BITS 6u
/* its PUSH has ended */
#define BACKSPIKE_PUSH_TRAILER_ENDED_OFFSET 26u
#define BACKSPIKE_PUSH_TRAILER_ENDED_BITS 1u
/* always: what tells this beat from a word */
#define BACKSPIKE_PUSH_TRAILER_TRAILER_OFFSET 27u
#define BACKSPIKE_PUSH_TRAILER_TRAILER_BITS 1u

/* PCI register mesh */
/* cores in a row, 0 for a core that stands alone */
#define BACKSPIKE_MESH_WIDTH_OFFSET 0u
#define BACKSPIKE_MESH_WIDTH_BITS 6u
/* rows of cores */
#define BACKSPIKE_MESH_HEIGHT_OFFSET 8u
#define BACKSPIKE_MESH_HEIGHT_BITS 6u

/* PCI register mesh_link */
/* the router */
#define BACKSPIKE_MESH_LINK_ROUTER_OFFSET 0u
#define BACKSPIKE_MESH_LINK_ROUTER_BITS 6u
/* flits that left by north, east, south, west, to the core (0 to 4), stalls there (5 to 9), most flits held at its inputs (10 to 14) */
#define BACKSPIKE_MESH_LINK_COUNTER_OFFSET 8u
#define BACKSPIKE_MESH_LINK_COUNTER_BITS 4u

/* memory regions */
enum {
    BACKSPIKE_REGION_QUEUE = 0, /* instruction queues: in row 0, sub 2q + 1 holds imm, sub 2q is the low word and enqueues; in row q + 1, every sub enqueues */
    BACKSPIKE_REGION_DESCRIPTOR = 1, /* slice descriptors: row = q << 8 | slice, sub = column */
    BACKSPIKE_REGION_WEIGHT = 2, /* weights, binary16: lanes 2 sub (low half) and 2 sub + 1 */
    BACKSPIKE_REGION_STATE = 3, /* optimizer state, binary16, as weight */
    BACKSPIKE_REGION_GRADIENT = 4, /* gradients, signed 32 bit: sub = lane */
    BACKSPIKE_REGION_SPIKE = 5, /* spike plane words: bits 32 sub + 31 .. 32 sub */
    BACKSPIKE_REGION_TRACE = 6, /* spikes, then surrogate code bit 0, then bit 1, each as spike */
    BACKSPIKE_REGION_NONZERO = 7, /* which steps of a tile-block have a non-zero error, one bit each */
    BACKSPIKE_REGION_ERROR = 8, /* errors, binary16, as weight; row = tile-block * 4 + step in the block */
    BACKSPIKE_REGION_MEMBRANE = 9, /* membranes of readouts, Q24, signed 32 bit: sub = lane; rows as error */
    BACKSPIKE_REGION_REGISTER = 10, /* registers: row = register index */
    BACKSPIKE_REGION_TOKEN = 11 /* token counters: a word of any value, written at row n, posts token n */
};

/* engines */
enum {
    BACKSPIKE_ENGINE_FP = 0, /* forward propagation */
    BACKSPIKE_ENGINE_BP = 1, /* back-propagation */
    BACKSPIKE_ENGINE_WG = 2, /* weight gradient and optimizer */
    BACKSPIKE_ENGINE_IO = 3 /* pushes to the host and to other cores */
};

/* instructions */
enum {
    BACKSPIKE_OP_WAIT = 1, /* wait until token counter `arg` > 0, then subtract one */
    BACKSPIKE_OP_POST = 2, /* add one to token counter `arg` once all earlier work of this engine is in memory */
    BACKSPIKE_OP_FORWARD = 3, /* spikes of a slice from its input spikes */
    BACKSPIKE_OP_NEURON_BACK = 4, /* errors of an output population from the gradients the host wrote, in place */
    BACKSPIKE_OP_BACKPROP = 5, /* errors of the input population from the errors of the slice */
    BACKSPIKE_OP_ACCUMULATE = 6, /* gradients of a slice from its input spikes and its errors */
    BACKSPIKE_OP_UPDATE = 7, /* optimizer over all rows of a slice; n = `arg[5:0]`, gs = `arg[11:6]`, key = `imm` */
    BACKSPIKE_OP_CLEAR = 8, /* gradients and optimizer state of a slice to zero */
    BACKSPIKE_OP_PUSH = 9 /* send a region of a memory to the host or to cores */
};

/* columns of FP descriptors */
enum {
    BACKSPIKE_FP_WEIGHT_BASE = 0, /* first weight row */
    BACKSPIKE_FP_FAN_IN = 1, /* rows per tile */
    BACKSPIKE_FP_TILES = 2, /* tiles of the slice */
    BACKSPIKE_FP_IN_WORDS = 3, /* input plane words per block, ceil(fan_in / lanes) */
    BACKSPIKE_FP_SHAPE = 4, /* steps, blocks, valid lanes of the last tile */
    BACKSPIKE_FP_IN_PLANE_BASE = 5, /* input spikes, within the slot */
    BACKSPIKE_FP_OUT_PLANE_BASE = 6, /* output spikes and trace, within the slot */
    BACKSPIKE_FP_MEMBRANE_BASE = 7, /* membranes of a readout, within the slot, in tile-blocks */
    BACKSPIKE_FP_NEURON = 8, /* neuron parameters */
    BACKSPIKE_FP_THETA = 9, /* threshold, Q24 */
    BACKSPIKE_FP_WIDTH1 = 10, /* surrogate code 1 within this distance of the threshold, Q24; 0 disables */
    BACKSPIKE_FP_WIDTH2 = 11, /* surrogate code 2 within this distance, Q24; 0 disables */
    BACKSPIKE_FP_WIDTH3 = 12 /* surrogate code 3 within this distance, Q24; 0 disables */
};
#define BACKSPIKE_FP_COLUMNS 13u

/* columns of BP descriptors */
enum {
    BACKSPIKE_BP_WEIGHT_BASE = 0, /* first weight row */
    BACKSPIKE_BP_FAN_IN = 1, /* rows per tile: neurons of the target population */
    BACKSPIKE_BP_TILES = 2, /* tiles of the slice */
    BACKSPIKE_BP_IN_WORDS = 3, /* tiles of the target population */
    BACKSPIKE_BP_SHAPE = 4, /* steps, blocks, valid lanes of the last tile */
    BACKSPIKE_BP_IN_PLANE_BASE = 5, /* trace and nonzero words of the target population, within the slot */
    BACKSPIKE_BP_OUT_PLANE_BASE = 6, /* nonzero words of the slice's errors, within the slot */
    BACKSPIKE_BP_IN_ERROR_BASE = 7, /* errors of the target population (written), within the slot, in tile-blocks */
    BACKSPIKE_BP_OUT_ERROR_BASE = 8, /* errors of the slice (read), within the slot, in tile-blocks */
    BACKSPIKE_BP_NEURON = 9 /* neuron parameters of the target population */
};
#define BACKSPIKE_BP_COLUMNS 10u

/* columns of WG descriptors */
enum {
    BACKSPIKE_WG_WEIGHT_BASE = 0, /* first weight, state and gradient row */
    BACKSPIKE_WG_FAN_IN = 1, /* rows per tile */
    BACKSPIKE_WG_TILES = 2, /* tiles of the slice */
    BACKSPIKE_WG_IN_WORDS = 3, /* input plane words per block, ceil(fan_in / lanes) */
    BACKSPIKE_WG_SHAPE = 4, /* steps, blocks, valid lanes of the last tile */
    BACKSPIKE_WG_IN_PLANE_BASE = 5, /* input spikes, within the slot */
    BACKSPIKE_WG_OUT_PLANE_BASE = 6, /* nonzero words of the slice's errors, within the slot */
    BACKSPIKE_WG_ERROR_BASE = 7, /* errors of the slice, within the slot, in tile-blocks */
    BACKSPIKE_WG_OPTIMIZER = 8, /* optimizer parameters */
    BACKSPIKE_WG_COORDINATES = 9 /* network coordinates */
};
#define BACKSPIKE_WG_COLUMNS 10u

/* columns of IO descriptors */
enum {
    BACKSPIKE_IO_REGION = 0, /* region (memory) */
    BACKSPIKE_IO_BASE = 1, /* first row; within the slot for slot memories */
    BACKSPIKE_IO_ROWS = 2, /* rows to send */
    BACKSPIKE_IO_TO = 3, /* row that the first one is written to, or that the host is told; within the slot for slot memories */
    BACKSPIKE_IO_NODES_LOW = 4, /* cores to send to, one bit each, the first 32 nodes of the mesh; none at all: the host */
    BACKSPIKE_IO_NODES_HIGH = 5 /* further nodes */
};
#define BACKSPIKE_IO_COLUMNS 6u

/* registers */
enum {
    BACKSPIKE_REGISTER_MAGIC = 0, /* 0x424b5350, `BKSP` in ASCII */
    BACKSPIKE_REGISTER_VERSION = 1, /* version of the hardware: major [23:16], minor [15:8], patch [7:0] */
    BACKSPIKE_REGISTER_LAYOUT_VERSION = 2, /* version of the layouts on this page */
    BACKSPIKE_REGISTER_CONFIG_HASH_LOW = 3, /* configuration hash, bits 31..0 */
    BACKSPIKE_REGISTER_CONFIG_HASH_HIGH = 4, /* configuration hash, bits 63..32 */
    BACKSPIKE_REGISTER_LANES = 5, /* lanes of the core */
    BACKSPIKE_REGISTER_SLOTS = 6, /* sample slots */
    BACKSPIKE_REGISTER_STATUS = 7, /* sticky bits */
    BACKSPIKE_REGISTER_CYCLES = 8, /* clock cycles since reset */
    BACKSPIKE_REGISTER_FP_BUSY = 9, /* cycles from taking FORWARD off the queue to its end */
    BACKSPIKE_REGISTER_FP_WAIT = 10, /* cycles in WAIT */
    BACKSPIKE_REGISTER_FP_EVENTS = 11, /* input spikes added, one per cycle and tile */
    BACKSPIKE_REGISTER_FP_VISITS = 12, /* weight rows read */
    BACKSPIKE_REGISTER_FP_WORDS = 13, /* input plane words read */
    BACKSPIKE_REGISTER_FP_ZERO_WORDS = 14, /* input plane words that were all zero */
    BACKSPIKE_REGISTER_FP_TILE_BLOCKS = 15, /* plane words written */
    BACKSPIKE_REGISTER_FP_MEMBRANE_WORDS = 16, /* membrane words written */
    BACKSPIKE_REGISTER_BP_BUSY = 17, /* cycles from taking NEURON_BACK or BACKPROP off the queue to its end */
    BACKSPIKE_REGISTER_BP_WAIT = 18, /* cycles in WAIT */
    BACKSPIKE_REGISTER_BP_EVENTS = 19, /* dot products of a row and an error tile */
    BACKSPIKE_REGISTER_BP_VISITS = 20, /* weight rows read */
    BACKSPIKE_REGISTER_BP_WORDS = 21, /* trace words read */
    BACKSPIKE_REGISTER_BP_ERROR_READS = 22, /* error words read */
    BACKSPIKE_REGISTER_BP_ERROR_WRITES = 23, /* error words written */
    BACKSPIKE_REGISTER_BP_SATURATIONS = 24, /* errors clipped to error_max, one per neuron and step */
    BACKSPIKE_REGISTER_BP_SKIPPED = 25, /* visit x tile with no common non-zero step */
    BACKSPIKE_REGISTER_WG_BUSY = 26, /* cycles from taking ACCUMULATE off the queue to its end */
    BACKSPIKE_REGISTER_WG_WAIT = 27, /* cycles in WAIT */
    BACKSPIKE_REGISTER_WG_EVENTS = 28, /* error tiles added to a gradient row */
    BACKSPIKE_REGISTER_WG_VISITS = 29, /* gradient rows read, which is those written */
    BACKSPIKE_REGISTER_WG_WORDS = 30, /* input plane words read */
    BACKSPIKE_REGISTER_WG_ZERO_WORDS = 31, /* input plane words that were all zero */
    BACKSPIKE_REGISTER_WG_ERROR_READS = 32, /* error words read */
    BACKSPIKE_REGISTER_WG_SKIPPED = 33, /* tile-blocks whose errors are all zero */
    BACKSPIKE_REGISTER_WG_UPDATE_BUSY = 34, /* cycles from taking UPDATE or CLEAR off the queue to its end */
    BACKSPIKE_REGISTER_WG_UPDATE_ROWS = 35, /* rows updated or cleared */
    BACKSPIKE_REGISTER_IO_WAIT = 36, /* cycles in WAIT */
    BACKSPIKE_REGISTER_IO_WORDS = 37, /* words pushed */
    BACKSPIKE_REGISTER_IO_STALLED = 38, /* cycles a pushed word waited for the host */
    BACKSPIKE_REGISTER_HOST_WRITES = 39, /* words the host wrote */
    BACKSPIKE_REGISTER_HOST_STALLED = 40 /* cycles a write of the host waited for the core */
};
#define BACKSPIKE_REGISTERS 41u


/* how transfers end and why rings stop */
enum {
    BACKSPIKE_TRANSFER_NONE = 0, /* none: the ring runs */
    BACKSPIKE_TRANSFER_DONE = 1, /* all bytes moved, or to the host: all bytes of the packet */
    BACKSPIKE_TRANSFER_BAD_LENGTH = 2, /* a length of 0, or above 1 MiB */
    BACKSPIKE_TRANSFER_BAD_FLAGS = 3, /* a flag that the ring does not know */
    BACKSPIKE_TRANSFER_READ_FAILED = 4, /* the bus answered a read of the data with an error */
    BACKSPIKE_TRANSFER_WRITE_FAILED = 5, /* the bus answered a write of the data with an error */
    BACKSPIKE_TRANSFER_FETCH_FAILED = 6, /* the bus answered the read of a descriptor with an error */
    BACKSPIKE_TRANSFER_RECORD_FAILED = 7, /* the bus answered the write of a completion record with an error */
    BACKSPIKE_TRANSFER_BAD_DOORBELL = 8 /* a doorbell offered more descriptors than the ring has entries */
};

/* byte offsets of the PCI function's registers */
enum {
    BACKSPIKE_PCI_REGISTER_MAGIC = 0, /* 0x424b5046, `BKPF` in ASCII */
    BACKSPIKE_PCI_REGISTER_VERSION = 4, /* version of the hardware: major [23:16], minor [15:8], patch [7:0] */
    BACKSPIKE_PCI_REGISTER_LAYOUT_VERSION = 8, /* version of all layouts of this reference */
    BACKSPIKE_PCI_REGISTER_CONFIG_HASH_LOW = 12, /* configuration hash of the core, bits 31..0 */
    BACKSPIKE_PCI_REGISTER_CONFIG_HASH_HIGH = 16, /* configuration hash of the core, bits 63..32 */
    BACKSPIKE_PCI_REGISTER_OUTSTANDING = 20, /* bursts that may be on their way, as many reads and as many writes */
    BACKSPIKE_PCI_REGISTER_CONTROL = 24, /* enable, loop-back, reset */
    BACKSPIKE_PCI_REGISTER_STATUS = 28, /* what the engines do, and why they stopped */
    BACKSPIKE_PCI_REGISTER_CAUSE = 32, /* interrupts that happened */
    BACKSPIKE_PCI_REGISTER_MASK = 36, /* interrupts that are sent, one bit each as in cause */
    BACKSPIKE_PCI_REGISTER_BATCH = 40, /* completion records to write together, at most 8, in its low 4 bits; fewer after 64 cycles */
    BACKSPIKE_PCI_REGISTER_SCRATCH = 44, /* keeps what is written: for trying the way to the device and back */
    BACKSPIKE_PCI_REGISTER_TO_DEVICE_BASE_LOW = 48, /* bus address of the descriptors to the device, bits 31..0; 4 KiB aligned */
    BACKSPIKE_PCI_REGISTER_TO_DEVICE_BASE_HIGH = 52, /* the same, bits 63..32 */
    BACKSPIKE_PCI_REGISTER_TO_DEVICE_DONE_LOW = 56, /* bus address of its completion records, bits 31..0; 4 KiB aligned */
    BACKSPIKE_PCI_REGISTER_TO_DEVICE_DONE_HIGH = 60, /* the same, bits 63..32 */
    BACKSPIKE_PCI_REGISTER_TO_DEVICE_SIZE = 64, /* entries of the ring to the device, a power of two from 8 to 32768 */
    BACKSPIKE_PCI_REGISTER_TO_DEVICE_COMPLETED = 68, /* descriptors of that ring completed, modulo 2^16 */
    BACKSPIKE_PCI_REGISTER_TO_HOST_BASE_LOW = 72, /* bus address of the descriptors to the host, bits 31..0; 4 KiB aligned */
    BACKSPIKE_PCI_REGISTER_TO_HOST_BASE_HIGH = 76, /* the same, bits 63..32 */
    BACKSPIKE_PCI_REGISTER_TO_HOST_DONE_LOW = 80, /* bus address of its completion records, bits 31..0; 4 KiB aligned */
    BACKSPIKE_PCI_REGISTER_TO_HOST_DONE_HIGH = 84, /* the same, bits 63..32 */
    BACKSPIKE_PCI_REGISTER_TO_HOST_SIZE = 88, /* entries of the ring to the host, a power of two from 8 to 32768 */
    BACKSPIKE_PCI_REGISTER_TO_HOST_COMPLETED = 92, /* descriptors of that ring completed, modulo 2^16 */
    BACKSPIKE_PCI_REGISTER_BUSY_CYCLES = 96, /* cycles with a descriptor or its data on the way */
    BACKSPIKE_PCI_REGISTER_BEATS_READ = 100, /* beats of data read from host memory, 8 bytes each */
    BACKSPIKE_PCI_REGISTER_BEATS_WRITTEN = 104, /* beats of data written to host memory */
    BACKSPIKE_PCI_REGISTER_WORDS_WRITTEN = 108, /* words written to the core */
    BACKSPIKE_PCI_REGISTER_WORDS_PUSHED = 112, /* words that the core pushed */
    BACKSPIKE_PCI_REGISTER_MESH = 116, /* sides of the mesh; 0 for a core that stands alone */
    BACKSPIKE_PCI_REGISTER_MESH_LINK = 120, /* the counter of a router that mesh_count shows */
    BACKSPIKE_PCI_REGISTER_MESH_COUNT = 124, /* that counter */
    BACKSPIKE_PCI_REGISTER_TO_DEVICE_DOORBELL = 4096, /* descriptors of the ring to the device offered, modulo 2^16 */
    BACKSPIKE_PCI_REGISTER_TO_HOST_DOORBELL = 4100 /* descriptors of the ring to the host offered, modulo 2^16 */
};
/* A field of a word; values that do not fit are cut. */
static inline uint32_t backspike_insert(uint32_t value, unsigned offset, unsigned bits)
{
    return (value & (UINT32_MAX >> (32u - bits))) << offset;
}

/* The unsigned field of a word. */
static inline uint32_t backspike_extract(uint32_t word, unsigned offset, unsigned bits)
{
    return (word >> offset) & (UINT32_MAX >> (32u - bits));
}

/* The two's-complement field of a word. */
static inline int32_t backspike_extract_signed(uint32_t word, unsigned offset, unsigned bits)
{
    const uint32_t raw = backspike_extract(word, offset, bits);
    const uint32_t sign = (uint32_t)1 << (bits - 1u);
    return (int32_t)((int64_t)(raw ^ sign) - (int64_t)sign);
}

/* The address of 32-bit word `sub` of row `row`. */
static inline uint32_t backspike_address(uint32_t region, uint32_t row, uint32_t sub)
{
    return backspike_insert(region, BACKSPIKE_ADDRESS_REGION_OFFSET, BACKSPIKE_ADDRESS_REGION_BITS)
         | backspike_insert(row, BACKSPIKE_ADDRESS_ROW_OFFSET, BACKSPIKE_ADDRESS_ROW_BITS)
         | backspike_insert(sub, BACKSPIKE_ADDRESS_SUB_OFFSET, BACKSPIKE_ADDRESS_SUB_BITS);
}

/* Where column `column` of descriptor `slice` of an engine is written. */
static inline uint32_t backspike_descriptor_address(uint32_t engine, uint32_t slice, uint32_t column)
{
    return backspike_address(BACKSPIKE_REGION_DESCRIPTOR, (engine << 8) | slice, column);
}

/* Where the low word of an instruction is written; its immediate goes to the address with `imm` = 1 first. */
static inline uint32_t backspike_queue_address(uint32_t engine, uint32_t imm)
{
    return backspike_address(BACKSPIKE_REGION_QUEUE, 0u, 2u * engine + imm);
}

/* The low word of an instruction. */
static inline uint32_t backspike_instruction(uint32_t op, uint32_t slice, uint32_t slot, uint32_t arg)
{
    return backspike_insert(op, BACKSPIKE_INSTRUCTION_OP_OFFSET, BACKSPIKE_INSTRUCTION_OP_BITS)
         | backspike_insert(slice, BACKSPIKE_INSTRUCTION_SLICE_OFFSET, BACKSPIKE_INSTRUCTION_SLICE_BITS)
         | backspike_insert(slot, BACKSPIKE_INSTRUCTION_SLOT_OFFSET, BACKSPIKE_INSTRUCTION_SLOT_BITS)
         | backspike_insert(arg, BACKSPIKE_INSTRUCTION_ARG_OFFSET, BACKSPIKE_INSTRUCTION_ARG_BITS);
}

/* 32-bit words of one row of a region with 4, 8, 16 or 32 lanes; 0 for any other region or lane count. */
static inline unsigned backspike_subs(uint32_t region, unsigned lanes)
{
    switch (lanes) {
    case 4u:
        switch (region) {
        case BACKSPIKE_REGION_QUEUE: return 8u;
        case BACKSPIKE_REGION_DESCRIPTOR: return 13u;
        case BACKSPIKE_REGION_WEIGHT: return 2u;
        case BACKSPIKE_REGION_STATE: return 2u;
        case BACKSPIKE_REGION_GRADIENT: return 4u;
        case BACKSPIKE_REGION_SPIKE: return 1u;
        case BACKSPIKE_REGION_TRACE: return 3u;
        case BACKSPIKE_REGION_NONZERO: return 1u;
        case BACKSPIKE_REGION_ERROR: return 2u;
        case BACKSPIKE_REGION_MEMBRANE: return 4u;
        case BACKSPIKE_REGION_REGISTER: return 1u;
        case BACKSPIKE_REGION_TOKEN: return 1u;
        default: return 0u;
        }
    case 8u:
        switch (region) {
        case BACKSPIKE_REGION_QUEUE: return 8u;
        case BACKSPIKE_REGION_DESCRIPTOR: return 13u;
        case BACKSPIKE_REGION_WEIGHT: return 4u;
        case BACKSPIKE_REGION_STATE: return 4u;
        case BACKSPIKE_REGION_GRADIENT: return 8u;
        case BACKSPIKE_REGION_SPIKE: return 1u;
        case BACKSPIKE_REGION_TRACE: return 3u;
        case BACKSPIKE_REGION_NONZERO: return 1u;
        case BACKSPIKE_REGION_ERROR: return 4u;
        case BACKSPIKE_REGION_MEMBRANE: return 8u;
        case BACKSPIKE_REGION_REGISTER: return 1u;
        case BACKSPIKE_REGION_TOKEN: return 1u;
        default: return 0u;
        }
    case 16u:
        switch (region) {
        case BACKSPIKE_REGION_QUEUE: return 8u;
        case BACKSPIKE_REGION_DESCRIPTOR: return 13u;
        case BACKSPIKE_REGION_WEIGHT: return 8u;
        case BACKSPIKE_REGION_STATE: return 8u;
        case BACKSPIKE_REGION_GRADIENT: return 16u;
        case BACKSPIKE_REGION_SPIKE: return 2u;
        case BACKSPIKE_REGION_TRACE: return 6u;
        case BACKSPIKE_REGION_NONZERO: return 1u;
        case BACKSPIKE_REGION_ERROR: return 8u;
        case BACKSPIKE_REGION_MEMBRANE: return 16u;
        case BACKSPIKE_REGION_REGISTER: return 1u;
        case BACKSPIKE_REGION_TOKEN: return 1u;
        default: return 0u;
        }
    case 32u:
        switch (region) {
        case BACKSPIKE_REGION_QUEUE: return 8u;
        case BACKSPIKE_REGION_DESCRIPTOR: return 13u;
        case BACKSPIKE_REGION_WEIGHT: return 16u;
        case BACKSPIKE_REGION_STATE: return 16u;
        case BACKSPIKE_REGION_GRADIENT: return 32u;
        case BACKSPIKE_REGION_SPIKE: return 4u;
        case BACKSPIKE_REGION_TRACE: return 12u;
        case BACKSPIKE_REGION_NONZERO: return 1u;
        case BACKSPIKE_REGION_ERROR: return 16u;
        case BACKSPIKE_REGION_MEMBRANE: return 32u;
        case BACKSPIKE_REGION_REGISTER: return 1u;
        case BACKSPIKE_REGION_TOKEN: return 1u;
        default: return 0u;
        }
    default: return 0u;
    }
}

#endif
