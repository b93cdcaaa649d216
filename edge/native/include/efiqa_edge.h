/* efiqa-edge without Python: from a sensor's bytes to the network's tensor, from its maps to score and picture.
 *
 * Every function may be called from any number of threads at once, keeps nothing between calls, writes to nothing but
 * what it is given, and checks all of it first: after an error no output is complete, and none was written out of
 * bounds. None throws. Numbers are aligned as their type asks for. Coordinates are pixels, x to the right and y down; grids are row by row from the upper left.
 */
#ifndef EFIQA_EDGE_H
#define EFIQA_EDGE_H

#include <stdint.h>

#if defined(_WIN32)
#define EFIQA_API
#elif defined(__GNUC__)
#define EFIQA_API __attribute__((visibility("default")))
#else
#define EFIQA_API
#endif

#ifdef __cplusplus
#define EFIQA_NOEXCEPT noexcept
extern "C" {
#else
#define EFIQA_NOEXCEPT
#endif

/* Raised whenever a function is added, or a structure or the meaning of an argument changes: compare it with
 * efiqa_abi_version(). */
#define EFIQA_ABI_VERSION 4

typedef enum efiqa_status {
    EFIQA_OK = 0,
    EFIQA_NULL_POINTER = 1,  /* a pointer that is needed is null */
    EFIQA_BAD_FORMAT = 2,    /* no such pixel format, matrix, range or tensor type */
    EFIQA_BAD_SIZE = 3,      /* a width, height, side or grid is out of its limits */
    EFIQA_BAD_STRIDE = 4,    /* a stride is negative or shorter than a row */
    EFIQA_SHORT_BUFFER = 5,  /* a buffer holds less than its shape asks for */
    EFIQA_BAD_CROP = 6,      /* a crop has no side, or no pixel of the frame in it */
    EFIQA_BAD_NUMBER = 7,    /* a value is not finite or out of its range */
    EFIQA_OUT_OF_MEMORY = 8,
    EFIQA_UNALIGNED = 9      /* numbers lie at an address that their type cannot have */
} efiqa_status;

/* Pixel formats. Two pixels of YUYV and NV12 share their colour; of an odd width the last pair has one pixel. */
enum {
    EFIQA_BGR = 0,
    EFIQA_RGB = 1,
    EFIQA_GREY = 2,
    EFIQA_YUYV = 3, /* Y U Y V, 4 bytes for two pixels */
    EFIQA_NV12 = 4  /* plane 0: Y; plane 1: U V for each 2 x 2 pixels, (height + 1) / 2 rows */
};
enum { EFIQA_BT601 = 0, EFIQA_BT709 = 1 };            /* matrix, for YUYV and NV12 */
enum { EFIQA_LIMITED = 0, EFIQA_FULL = 1 };           /* range: luma from 16 to 235, or from 0 to 255 */
enum { EFIQA_FLOAT32 = 0, EFIQA_FLOAT16 = 1, EFIQA_INT8 = 2 }; /* tensor types */

/* A frame in memory that the caller owns. */
typedef struct efiqa_frame {
    int32_t format;
    int32_t matrix;
    int32_t range;
    int32_t width;
    int32_t height;
    const uint8_t *plane[2]; /* the second for NV12 alone */
    int64_t stride[2];       /* bytes from one row to the next, at least a row's */
    uint64_t size[2];        /* bytes that may be read from each plane on */
} efiqa_frame;

/* A square of a frame; what lies beyond the frame is black. At most 2^31 pixels from the frame, and as long. */
typedef struct efiqa_crop {
    int64_t x;
    int64_t y;
    int64_t side;
} efiqa_crop;

/* Where the retina is in a frame. */
typedef struct efiqa_field {
    int32_t blank;   /* 1: the frame is black, of one colour, or too small to show one; then nothing was found */
    int32_t found;   /* 0: no field of view; the crop is then 0 */
    int32_t aside;   /* 1: small and far from the middle: it may be what a shadow leaves of a larger field, so that the
                      * frame is not usable, whatever the score within it */
    efiqa_crop crop; /* the square around it; some of it may lie beyond the frame */
} efiqa_field;

/* Side of the mask of a field, over its crop. */
#define EFIQA_FIELD_MASK 256

/* Where the tensor goes: (1, 3, side, side), channels R, G, B, each (grey / 255 - mean) / std. */
typedef struct efiqa_tensor {
    void *data;
    uint64_t size; /* bytes that may be written */
    int32_t type;
    int32_t side;        /* 1 to 8192; a larger crop is averaged by areas, a smaller one interpolated linearly */
    float mean[3];       /* R, G, B, of values in [0, 1] */
    float std[3];        /* above 0 */
    float scale;         /* of EFIQA_INT8 alone: value = scale * (number - zero_point) */
    int32_t zero_point;  /* -128 to 127 */
} efiqa_tensor;

/* Light and colour of what the network reads, on a grid of cells; each array grid * grid floats, or null where it is
 * not wanted. Grey values of 0 to 255. */
typedef struct efiqa_light {
    int32_t grid;    /* cells along a side: at most a quarter of the tensor's side */
    uint64_t size;   /* floats that each array holds */
    float *blue;     /* means */
    float *green;
    float *red;
    float *clipped;  /* share whose green is at its end, in [0, 1] */
    float *detail;   /* contrast of fine structure in green, as a share of the brightness */
    float *grain;    /* the same of the finest structure */
    float *picture;  /* green of the tensor, side * side floats */
    uint64_t picture_size; /* floats */
} efiqa_light;

/* What each part of the retina counts; at least 0, periphery above 0. Only their ratios matter. */
typedef struct efiqa_pooling {
    double disc;
    double macula;
    double periphery;
} efiqa_pooling;

/* What takes parts of a frame, in the order of the arrays of efiqa_evidence. */
enum {
    EFIQA_TOO_DARK = 0,
    EFIQA_EDGE_SHADOW = 1,
    EFIQA_TOO_BRIGHT = 2,
    EFIQA_REFLEX = 3,
    EFIQA_LID = 4,
    EFIQA_HAZE = 5,
    EFIQA_BLUR = 6,
    EFIQA_CAUSES = 7 /* so many */
};

/* What speaks for each cause in one frame. Coordinates are field radii from the middle of the crop. */
typedef struct efiqa_evidence {
    double lost;                  /* what the map marks, as a share of the field */
    double main[EFIQA_CAUSES];    /* how likely each took most of the frame; 1 in sum */
    double present[EFIQA_CAUSES]; /* how likely each took a part worth naming; 0.04 is enough to name it */
    double share[EFIQA_CAUSES];   /* of the field, taken by each */
    double x[EFIQA_CAUSES];       /* the middle of that part; 0 of nothing */
    double y[EFIQA_CAUSES];
    double red;                   /* logarithms of red and of blue over green, medians over the lit field */
    double blue;
    double detail;                /* fine contrast as a share of the brightness, median over the field */
    double focus;                 /* fine contrast as a share of coarse: larger when sharper, on one camera */
    int32_t flooded;              /* 1: most of the field is at the end of a channel */
} efiqa_evidence;

/* Floats of the network that tells causes apart, layer by layer, weights before biases: the arrays w1, b1 to w7, b7 of
 * edge/findings/causes.npz, each row by row. */
#define EFIQA_CAUSE_WEIGHTS 36934

EFIQA_API int32_t efiqa_abi_version(void) EFIQA_NOEXCEPT;

/* Version of the library, such as "0.1.0". */
EFIQA_API const char *efiqa_version(void) EFIQA_NOEXCEPT;

/* One English sentence for a status; never null. */
EFIQA_API const char *efiqa_sentence(int32_t status) EFIQA_NOEXCEPT;

/* A frame as BGR, each value as the other functions read it.
 *
 * bgr: rows of 3 * width bytes, stride bytes apart (size writable), in no part of the frame itself. */
EFIQA_API efiqa_status efiqa_bgr(const efiqa_frame *frame, uint8_t *bgr, uint64_t size, int64_t stride) EFIQA_NOEXCEPT;

/* Find the field of view of a frame.
 *
 * mask: EFIQA_FIELD_MASK * EFIQA_FIELD_MASK bytes (mask_size writable) over the crop: 255 in the field, 0 elsewhere. On
 * a grid, a cell is field where at least half of its part of the mask is. */
EFIQA_API efiqa_status efiqa_find_field(const efiqa_frame *frame, efiqa_field *field, uint8_t *mask,
                                        uint64_t mask_size) EFIQA_NOEXCEPT;

/* The same of a circle that is known, in pixels of a frame of that size: where a maker gives it, or where a field that
 * may be a spot of light is taken for the circle around the middle of the frame that holds it. */
EFIQA_API efiqa_status efiqa_circle_field(double x, double y, double radius, int32_t width, int32_t height,
                                          efiqa_field *field, uint8_t *mask, uint64_t mask_size) EFIQA_NOEXCEPT;

/* Crop, resample and normalise a frame, and measure its light on the way (null: do not). */
EFIQA_API efiqa_status efiqa_frame_step(const efiqa_frame *frame, const efiqa_crop *crop, const efiqa_tensor *tensor,
                                        const efiqa_light *light) EFIQA_NOEXCEPT;

/* The cells of a field that light alone has taken, burnt out or drowned: lost whatever the network makes of them, so the
 * map there is 1 before it is scored.
 *
 * light: of the frame, on a grid; blue, green and red alone are read. field: grid * grid bytes (field_size readable), 0
 * outside of the field. lost: as many, 1 where light is to blame, 0 elsewhere. */
EFIQA_API efiqa_status efiqa_lost_to_light(const efiqa_light *light, const uint8_t *field, uint64_t field_size,
                                           uint8_t *lost, uint64_t lost_size) EFIQA_NOEXCEPT;

/* Quality score in [0, 1]: 1 - sum(w * D) over the field, weights by region, summing to 1; 0 where nothing counts.
 *
 * maps: count * grid * grid floats (maps_size of them readable): the degradation map, then probabilities of disc and
 * macula where count is 3. field: grid * grid bytes (field_size readable), 0 outside of the field. */
EFIQA_API efiqa_status efiqa_score(const float *maps, uint64_t maps_size, int32_t count, int32_t grid,
                                   const uint8_t *field, uint64_t field_size, const efiqa_pooling *pooling,
                                   double *score) EFIQA_NOEXCEPT;

/* What took a frame, and each part of it.
 *
 * map: degradation, grid * grid floats (size readable), and so disc and macula: probabilities, or null where the network
 * has no such maps. field: as above, with one cell of it at least. light: of the same crop on the same grid, all but
 * `picture`; only read. weights: EFIQA_CAUSE_WEIGHTS floats (weights_size readable), each within 10,000 of 0. */
EFIQA_API efiqa_status efiqa_causes(const float *map, const float *disc, const float *macula, uint64_t size,
                                    const uint8_t *field, uint64_t field_size, const efiqa_light *light,
                                    const float *weights, uint64_t weights_size,
                                    efiqa_evidence *evidence) EFIQA_NOEXCEPT;

/* Lay a degradation map over a BGR picture, in place: clear where the map is low, from blue to cyan where it is high.
 *
 * map: grid * grid floats (map_size readable). field: as above. crop: the square of the picture that both cover.
 * bgr: height rows of width pixels, stride bytes apart, size bytes in all. */
EFIQA_API efiqa_status efiqa_blend(const float *map, uint64_t map_size, const uint8_t *field, uint64_t field_size,
                                   int32_t grid, const efiqa_crop *crop, uint8_t *bgr, uint64_t size, int32_t width,
                                   int32_t height, int64_t stride) EFIQA_NOEXCEPT;

#ifdef __cplusplus
}
#endif
#endif
