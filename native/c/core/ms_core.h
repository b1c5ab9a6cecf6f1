/* One stream of sound, both ways, as pure state: no socket, no thread, no clock, no allocation but of keys.
 *
 * Two forks after decoding: *ears* run when a packet comes (decode once, conceal gaps, cancel echo, detect
 * speech, suppress noise, 16 kHz for recognition); *playout* runs when a tick is due (take 20 ms of the agent's
 * voice, encode, packetise, and remember what was sent as the echo reference).
 *
 * Who may call what: everything belongs to the engine thread, except the functions marked [producer] and
 * [consumer], which one other thread may call at the same time (single-producer, single-consumer rings).
 *
 * Generations. Each turn's audio carries one; they only grow. After a flush nothing of that generation or an
 * older one can be sent, however late it arrives in the ring.
 * Holds. A hold pauses the voice; it has an id and a lease. A release that names an earlier hold does nothing;
 * when the lease ends first, the engine releases (or stays) by itself, so a stalled Python cannot mute a call.
 * At most one hold is in force: a newer one takes over, id and lease. A flush of the voice that is held ends the
 * hold. Holds that the engine takes by itself have MS_ENGINE_HOLD in their id, and never take over one that was asked
 * for.
 *
 * Keys. With SRTP nothing leaves unprotected and nothing is believed that does not authenticate. Keys are made by the
 * other thread (ms_offer_keys), put in force by the engine's (MS_OP_KEYS), and given back to be freed there: a tick
 * neither allocates nor frees.
 *
 * Rates. RTP time stamps count by the codecs' common clock (ms_codec.h); `rtp_extended` is such a stamp, unwrapped.
 * What is played is PCM at say_hz, what is heard is PCM at hear_hz until the ears hand it out at 16 kHz.
 *
 * Positions. `source` counts samples at say_hz from the first sample played in this generation; a
 * release to an earlier mark rewinds it. `wire` counts the samples of this generation that were sent; it only
 * grows. `heard` is the part of `source` that has probably reached the caller's ear, +- `heard_error`. A mark stands
 * before its sample: it fires once, when everything before it was sent. */
#ifndef MS_CORE_H
#define MS_CORE_H

#include "ms_mixer.h"
#include "ms_silero.h"
#include "ms_srtp.h"
#include "ms_types.h"

#define MS_ENGINE_HOLD 0x80000000u
#define MS_CODINGS 4              /* codecs that a stream can have agreed on */

typedef struct ms_coding {
    uint8_t codec;                /* enum ms_codec of ms_codec.h */
    uint8_t payload_type;         /* 0-127, each another */
} ms_coding;

enum ms_rtcp_mode { MS_RTCP_OFF = 0, MS_RTCP_MUX = 1, MS_RTCP_PORT = 2 }; /* none; on RTP's port; on its own */

typedef struct ms_config {
    int32_t say_hz, hear_hz;      /* PCM that is played, and that ears and bridge work on: 8000, 16000, 24000, 48000;
                                   * neither below its codecs' own */
    ms_coding codings[MS_CODINGS]; /* what we accept, all of one RTP clock; the first is what we send */
    uint8_t coding_count;
    uint8_t ptime_ms;             /* of the packets we send: 10, 20, 30, 40, 60; 0 means 20 */
    uint8_t opus_complexity, opus_fec, opus_dtx, opus_expected_loss; /* as in ms_codec_config */
    int32_t opus_bit_rate;
    uint8_t inband_dtmf;          /* 1: keys are heard as tones, too, until one comes as a telephone event */
    uint8_t telephone_event_type; /* RFC 4733 payload type we accept, 0 none */
    uint8_t comfort_noise_type;   /* RFC 3389 payload type by which our silence is described; 0: it is sent as it is */
    uint8_t aec, ns, vad;         /* 0 or 1 */
    uint8_t ns_percent;           /* how strong: 1-100, 0 means 50 */
    uint8_t high_pass;            /* 0 or 1: what lies below 90 Hz is taken off */
    int8_t agc_dbfs;              /* level that speech is brought to, -40 to -6; 0: it stays as it is */
    uint8_t lock_source;          /* 1: after the first valid packet only its source is heard (symmetric RTP) */
    uint8_t plc;                  /* enum ms_conceal_method of ms_conceal.h */
    uint8_t bridge;               /* 1: people may listen, so keep what they hear (ms_bridge.h) */
    uint16_t aec_tail_ms;         /* 64-256, 0 means 128 */
    uint16_t reorder_ms;          /* longest wait for a missing packet, 0-40 */
    uint16_t playout_ms;          /* room for audio not yet played, 200-2000 */
    uint16_t rewind_ms;           /* audio already played that a release may go back to, 0-2000 */
    uint16_t ears_ms;             /* room for audio not yet read, 100-2000 */
    uint16_t far_delay_ms;        /* assumed delay from our socket to the caller's ear */
    uint16_t far_delay_error_ms;  /* and how wrong that may be */
    uint32_t media_timeout_ms;    /* no sound for this long, nor a report of a silent peer: an event; 0 never */
    uint32_t ssrc, first_timestamp;
    uint16_t first_sequence;
    uint16_t bridge_min_ms, bridge_max_ms; /* of its delay, 20-1000; 0 means 40 and 200 */
    uint8_t rtcp;                 /* enum ms_rtcp_mode */
    uint8_t keying;               /* enum ms_keying */
    ms_address remote;            /* where to send at first; family 0: nowhere until a packet comes */
    ms_address rtcp_remote;       /* with MS_RTCP_PORT; family 0: the port above remote's */
    int64_t unix_offset_ns;       /* our clock and this make nanoseconds since 1970, for the stamps of RTCP */
    const ms_silero_weights *silero; /* with `vad`: a second opinion on the gate's; NULL: none. Outlives the stream */
    ms_srtp_keys srtp;            /* profile MS_SRTP_NONE: plain RTP, or `keying` says that they come later */
} ms_config;

enum ms_keying {            /* where SRTP keys come from */
    MS_KEYING_GIVEN = 0,    /* `srtp` has them, or the stream is plain */
    MS_KEYING_LATER = 1,    /* by MS_OP_KEYS; nothing is sent or heard before */
    MS_KEYING_DTLS = 2      /* the same, and the engine hands DTLS datagrams to the border */
};

enum ms_on_onset { MS_ON_ONSET_IGNORE = 0, MS_ON_ONSET_HOLD = 1, MS_ON_ONSET_DUCK = 2 };
enum ms_on_lease { MS_ON_LEASE_RELEASE = 0, MS_ON_LEASE_STAY = 1 };

typedef struct ms_arming {  /* what the engine does by itself at speech onset while this passage plays */
    uint16_t lease_ms;
    uint8_t on_onset;       /* enum ms_on_onset */
    uint8_t on_lease;       /* enum ms_on_lease */
} ms_arming;

enum ms_op {
    MS_OP_HOLD = 1,     /* hold = id, arg = lease in ms (0: no lease), flag = enum ms_on_lease */
    MS_OP_DUCK = 2,     /* the same, but the voice goes on 18 dB softer */
    MS_OP_RELEASE = 3,  /* hold = id, arg = source sample to go on from, or -1: where it stopped */
    MS_OP_FLUSH = 4,    /* generation; answered by MS_EVENT_FLUSHED */
    MS_OP_MARK = 5,     /* generation, arg = source sample, name: answered by MS_EVENT_MARK when it is sent */
    MS_OP_REMOTE = 6,   /* remote: send there from now on (re-INVITE); unlocks the source */
    MS_OP_SENDING = 7,  /* arg = 0 stop sending packets (hold in SDP), 1 send again */
    MS_OP_HEARING = 8,  /* arg = 0 drop what arrives, 1 hear again */
    MS_OP_CODING = 9,   /* arg = payload type: send this one of the codings from now on */
    MS_OP_KEYS = 10,    /* protect with the keys that were offered last; the old ones still open for 2 s */
    MS_OP_PRESS = 11,   /* flag = key 0-15, arg = its duration in ms, name = silence after it in ms; keys wait for each other */
    MS_OP_COMFORT = 12, /* arg = payload type: describe silence by comfort noise from now on; 0: send it as it is */
    MS_OP_PTIME = 13    /* arg = ms: send packets of this length, once those that were begun are out */
};

typedef struct ms_command {
    uint8_t op;           /* enum ms_op */
    uint8_t flag;
    uint16_t reserved;
    uint32_t generation;
    uint32_t hold;
    uint32_t name;        /* of a mark */
    int64_t arg;
    ms_address remote;
} ms_command;

enum ms_event_kind {
    MS_EVENT_ONSET = 1,        /* urgent: speech began; hold = what the engine took (its HELD follows), or 0; at_ns,
                                * rtp_extended: of the onset */
    MS_EVENT_OFFSET = 2,       /* urgent: speech ended; reason = enum ms_offset_reason; at_ns: when the last speech
                                * arrived, or of the onset that is denied; rtp_extended likewise */
    MS_EVENT_HELD = 3,         /* hold is in force; position */
    MS_EVENT_RELEASED = 4,     /* hold ended; reason = enum ms_release_reason; arg = source sample it goes on from */
    MS_EVENT_FLUSHED = 5,      /* urgent: acknowledges MS_OP_FLUSH, after the fade; arg = its generation; position at
                                * the end, of a later generation when the flushed one had ended before */
    MS_EVENT_MARK = 6,         /* name; arg = its source sample; position */
    MS_EVENT_FINISHED = 7,     /* urgent: the last sample of a generation that was finished (ms_finish) was sent */
    MS_EVENT_STARVED = 8,      /* the voice ran dry in the middle of a generation; once per gap */
    MS_EVENT_DTMF = 9,         /* urgent: code = 0-15, arg = duration in ms; once per key */
    MS_EVENT_MEDIA_TIMEOUT = 10, /* urgent */
    MS_EVENT_MEDIA_BACK = 11,
    MS_EVENT_LOCKED = 12,      /* the source is now `remote` */
    MS_EVENT_EARS = 13,        /* from the engine: as much audio is readable as was wanted */
    MS_EVENT_ROOM = 14,        /* from the engine: as much room is free as was wanted */
    MS_EVENT_ADDED = 15,       /* from the engine: the stream is live */
    MS_EVENT_REMOVED = 16,     /* from the engine: nothing touches the slot any more */
    MS_EVENT_FAULT = 17,       /* from the engine: code = errno of a socket that failed for good */
    MS_EVENT_DTMF_SENT = 18,   /* code = the key that is out: in packets where they were agreed on, else in band */
    MS_EVENT_LULL = 19,        /* within speech, before its end is certain: reason = enum ms_lull_reason; at_ns,
                                * rtp_extended: when the last of the sound arrived, or the first of it again */
    MS_EVENT_CLIP_DONE = 32,   /* from the engine: it has let go of clip `name` and of every one before it */
    MS_EVENT_RECORDING = 33    /* from the recorder: it has let go of recording `name`; reason = enum ms_record_reason,
                                * code = errno, arg = frames written, rtp_extended = frames that found no room */
};

enum ms_release_reason {
    MS_RELEASED_BY_COMMAND = 0,
    MS_RELEASED_BY_LEASE = 1,
    MS_RELEASED_BY_FLUSH = 2,
    MS_RELEASED_BY_DENIAL = 3     /* it was no speech that the engine held the voice for */
};

enum ms_offset_reason {
    MS_OFFSET_QUIET = 0,          /* 200 ms of it, or packets stopped */
    MS_OFFSET_DENIED = 1          /* it was no speech: its engine hold has ended */
};

enum ms_lull_reason {
    MS_LULL_BEGAN = 0,            /* 60 ms without sound: a cough is over, or a consonant is closed */
    MS_LULL_OVER = 1              /* the same speech goes on */
};

typedef struct ms_position {
    uint32_t generation, hold;      /* hold 0: none in force */
    int64_t wire, source, heard;    /* samples */
    int64_t heard_error;            /* samples */
    int64_t at_ns;                  /* of the tick this was true at */
} ms_position;

typedef struct ms_event {
    uint8_t kind, reason;
    uint16_t code;
    uint32_t hold, name;
    int64_t arg, at_ns, rtp_extended;
    ms_position position;
    ms_address remote;
} ms_event;

enum ms_span_flag { MS_SPAN_GAP = 1, MS_SPAN_MASKED = 2, MS_SPAN_SPEECH = 4, MS_SPAN_RESYNC = 8, MS_SPAN_QUIET = 16 };

typedef struct ms_span {    /* describes the next `n` samples of the ears, at 16 kHz */
    int64_t rtp_extended;   /* of the first sample, in the codec's clock, unwrapped; it only ever grows */
    int64_t at_ns;          /* when it reached us */
    uint32_t n;
    uint32_t flags;         /* GAP: did not reach us: concealed or silent. MASKED: DTMF cut out. SPEECH: the gate says
                             * so. RESYNC: time jumped before it. QUIET, with GAP: nothing is missing, the sender was
                             * silent on purpose */
} ms_span;

enum ms_channel { MS_CHANNEL_RTP = 0, MS_CHANNEL_RTCP = 1, MS_CHANNELS = 2 };

typedef struct ms_packet {  /* one datagram to send */
    ms_address to;
    uint16_t n;
    uint8_t channel;              /* enum ms_channel: the socket it leaves by, where there are two */
    uint8_t data[MS_MAX_PACKET];
} ms_packet;

typedef struct ms_core_statistics {
    uint64_t packets_received, packets_sent, octets_received, octets_sent;
    /* dropped, by reason */
    uint64_t malformed, foreign, unknown_type, duplicate, late, oversize, not_hearing;
    uint64_t codec_errors;        /* payloads that would not decode: concealed */
    uint64_t lost, reordered, concealed_samples, resyncs, ssrc_changes;
    uint64_t concealed_speech_samples; /* of concealed_samples: while the gate said that the caller speaks */
    uint64_t comfort_received, comfort_sent; /* packets that describe silence */
    uint64_t srtp_forged, srtp_replayed;
    uint64_t reports_sent, reports_received; /* RTCP */
    uint64_t onsets, denials, holds, leases_expired, starved, ears_overruns, events_lost;
    uint64_t ticks, ticks_skipped;
    uint32_t jitter_us;           /* RFC 3550 6.4.1 */
    uint32_t rtt_us;              /* of our reports and theirs; 0: not known */
    uint32_t remote_jitter_us;    /* of our stream, as the other side reports it */
    uint32_t peer_bye;            /* 1: the other side said goodbye (RFC 3550 6.6) */
    float remote_loss;            /* share of our packets, likewise */
    float mos_listening, mos_conversational; /* ms_emodel.h, of what we hear; 0: nothing was heard yet */
    float bridge_delay_ms, bridge_target_ms; /* what people who listen wait for late packets; 0: nobody can */
    float erle_db;                /* echo return loss enhancement, smoothed; 0 when the AEC is off */
    float skew_ppm;               /* of the sender's clock against ours */
    int32_t echo_delay_ms;        /* how late our sound comes back, to 10 ms; -1: none was found */
    uint32_t echo_seen;           /* 1: the line has given something of ours back */
    float noise_dbfs, speech_dbfs;
} ms_core_statistics;

typedef struct ms_core ms_core;

#define MS_CORE_ALIGNMENT 64 /* of the memory that ms_init is given, in bytes */
#define MS_PACKETS_A_TICK 4

size_t ms_size(const ms_config *config);                             /* bytes to provide, 0: config is wrong */
int ms_init(void *memory, size_t n, const ms_config *config, uint64_t seed); /* allocates keys only; MS_OK or error */
void ms_release(ms_core *core);                                      /* wipes and frees the keys; the memory stays the caller's */

/* a datagram came: validates, reorders, runs the ears. MS_OK, or MS_URGENT when an urgent event waits */
int ms_receive(ms_core *core, const uint8_t *packet, size_t n, const ms_address *from, int64_t received_ns);

/* the 20 ms that were due at `due_ns` are to be sent: advances playout, leases, time-outs; writes up to
 * MS_PACKETS_A_TICK packets, for which there must be room.
 * A tick that is called more than 60 ms late is skipped (counted), not caught up in a burst.
 * Returns the number of packets, or an error. Urgent events: ask ms_urgent. */
int ms_tick(ms_core *core, int64_t due_ns, int64_t now_ns, ms_packet *out, int capacity);
/* 20 ms at say_hz of another voice, added to what the next tick sends; the gain walks on */
void ms_mix_in(ms_core *core, const int16_t *pcm, ms_gain *gain);
/* 20 ms at say_hz: what this stream's own voice said in its last tick, silence included */
const int16_t *ms_said(const ms_core *core);
/* the same with all that was mixed in: what its peer was sent */
const int16_t *ms_sent(const ms_core *core);
/* the rate of the three */
int32_t ms_say_hz(const ms_core *core);

/* The last packet of a stream that will not be ticked again: RTCP's BYE. 1 and the packet, or 0. */
int ms_farewell(ms_core *core, int64_t now_ns, ms_packet *out);
int ms_apply(ms_core *core, const ms_command *command, int64_t now_ns);
int ms_next_event(ms_core *core, ms_event *event);                   /* 1 and the event, or 0 */
bool ms_urgent(const ms_core *core);                                 /* an urgent event waits to be taken */
int64_t ms_next_deadline(const ms_core *core);                       /* reorder, lease, time-out; INT64_MAX: none */
int ms_handle_deadline(ms_core *core, int64_t now_ns);               /* as ms_receive */
void ms_position_now(const ms_core *core, ms_position *out);
void ms_core_get_statistics(const ms_core *core, ms_core_statistics *out);

/* [producer] makes keys ready for MS_OP_KEYS, allocating, and frees those that are done with; MS_OK or an error */
int ms_offer_keys(ms_core *core, const ms_srtp_keys *keys);
/* [producer] appends samples at say_hz; returns how many had room (0..n), MS_E_STALE when the
 * generation is dead already. Generations may only grow from call to call. */
int ms_play(ms_core *core, uint32_t generation, const ms_arming *arming, const int16_t *pcm, uint32_t n);
/* [producer] nothing more will come in this generation; MS_E_FULL: try again */
int ms_finish(ms_core *core, uint32_t generation);
/* [any thread] samples that ms_play would take now; 0 also when there is no place for another passage */
uint32_t ms_room(const ms_core *core);
/* [consumer] takes up to `capacity` samples that lie in one span; 0: nothing there. `span` describes them. */
int ms_read_ears(ms_core *core, int16_t *pcm, int capacity, ms_span *span);
/* [any thread] samples readable now */
uint32_t ms_ears_readable(const ms_core *core);

#endif
