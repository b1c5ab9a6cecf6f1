# SRTP, RTCP and the E-model (native/c/rtp), each as pure state.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t


cdef extern from "ms_rtp.h" nogil:
    ctypedef struct ms_rtp_source:
        int64_t highest, first          # extended sequence numbers
        uint32_t received, ssrc
        bint known
        uint32_t jitter_q4              # sixteenths of a clock tick


cdef extern from "ms_srtp.h" nogil:
    enum: MS_SRTP_MAX_KEYING, MS_SRTP_MAX_OVERHEAD, MS_SRTP_WINDOW

    enum ms_srtp_profile:
        MS_SRTP_NONE, MS_SRTP_AES128_CM_SHA1_80, MS_SRTP_AES128_CM_SHA1_32
        MS_SRTP_AEAD_AES_128_GCM, MS_SRTP_AEAD_AES_256_GCM

    enum ms_srtp_verdict:
        MS_SRTP_OK, MS_SRTP_FORGED, MS_SRTP_REPLAYED, MS_SRTP_MALFORMED

    ctypedef struct ms_srtp_keys:
        uint8_t profile
        uint8_t send[46]                # MS_SRTP_MAX_KEYING: master key, then master salt
        uint8_t receive[46]

    ctypedef struct ms_srtp:
        pass

    size_t ms_srtp_keying_octets(uint8_t profile)
    ms_srtp *ms_srtp_new(const ms_srtp_keys *keys, uint32_t send_ssrc, int *status)
    void ms_srtp_free(ms_srtp *srtp)
    void ms_srtp_continue(ms_srtp *srtp, const ms_srtp *earlier)
    int ms_srtp_protect(ms_srtp *srtp, uint8_t *packet, size_t n, size_t capacity)
    int ms_srtp_protect_rtcp(ms_srtp *srtp, uint8_t *packet, size_t n, size_t capacity)
    ms_srtp_verdict ms_srtp_unprotect(ms_srtp *srtp, const uint8_t *packet, size_t n, uint8_t *plain, size_t *plain_n)
    ms_srtp_verdict ms_srtp_unprotect_rtcp(ms_srtp *srtp, const uint8_t *packet, size_t n, uint8_t *plain,
                                           size_t *plain_n)


cdef extern from "ms_rtcp.h" nogil:
    ctypedef struct ms_rtcp_block:
        uint32_t ssrc
        uint8_t fraction_lost           # 256ths
        int32_t cumulative_lost
        uint32_t highest, jitter
        uint32_t last_report, since_last_report

    ctypedef struct ms_rtcp_sender:
        uint64_t ntp
        uint32_t rtp, packets, octets

    ctypedef struct ms_rtcp_compound:
        uint32_t ssrc
        bint has_report, has_sender, has_block, bye
        ms_rtcp_sender sender
        ms_rtcp_block block

    bint ms_rtcp_is_rtcp(const uint8_t *packet, size_t n)
    int ms_rtcp_parse(const uint8_t *packet, size_t n, uint32_t about, ms_rtcp_compound *out)


cdef extern from "ms_rtcp_reporter.h" nogil:
    ctypedef struct ms_rtcp_saying:
        uint32_t timestamp, packets, octets
        bint talks

    ctypedef struct ms_rtcp_reporter:
        int64_t next_ns, round_trip_ns  # -1: not known
        ms_rtcp_block theirs
        bint has_theirs, bye
        uint64_t sent, received, malformed

    void ms_rtcp_reporter_init(ms_rtcp_reporter *r, uint32_t ssrc, int32_t clock_hz, int64_t unix_offset_ns, uint64_t seed)
    bint ms_rtcp_reporter_is_due(ms_rtcp_reporter *r, int64_t now_ns)
    int ms_rtcp_reporter_write(ms_rtcp_reporter *r, int64_t now_ns, const ms_rtcp_saying *saying,
                               const ms_rtp_source *heard, bint bye, uint8_t *out, size_t capacity)
    int ms_rtcp_reporter_receive(ms_rtcp_reporter *r, const uint8_t *packet, size_t n, int64_t now_ns,
                                 const ms_rtp_source *heard)


cdef extern from "ms_emodel.h" nogil:
    enum ms_emodel_codec:
        MS_EMODEL_G711, MS_EMODEL_G711_BARE, MS_EMODEL_G722, MS_EMODEL_L16, MS_EMODEL_OPUS

    ctypedef struct ms_emodel_call:
        uint8_t codec
        float loss, burst_ratio, one_way_ms

    ctypedef struct ms_emodel_rating:
        float r, listening_mos, conversational_mos

    ms_emodel_rating ms_emodel_rate(const ms_emodel_call *call)


cdef int to_srtp_keys(object keys, ms_srtp_keys *out) except -1
