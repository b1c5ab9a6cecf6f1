/* What configure would write, for our use of it: floating point, its own FFT, and no word on stderr from an
 * engine's thread. */
#define FLOATING_POINT 1
#define USE_SMALLFT 1
#define VAR_ARRAYS 1
#define OS_SUPPORT_CUSTOM 1
#define EXPORT
#define DISABLE_WARNINGS 1
#define DISABLE_NOTIFICATIONS 1
