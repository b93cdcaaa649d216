/* A V4L2 camera where there is none: preloaded into a process, it answers for FAKE_VIDEO as a driver would.
 *
 * The file FAKE_PLUG is the cable: gone, and the device is gone; it holds "stall", and no further frame comes.
 * Frames are YUYV, 30 a second; the luma of all pixels is 50 and the frame's number, modulo 150.
 * Where FAKE_JPEGS names a folder they are MJPEG instead: its files 0, 1, 2, ..., begun again after the last.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BUFFERS 8

static int camera = -1, owner = -1; /* the descriptor that streams */
static int users = 0, fds[64];
static unsigned width = 640, height = 480, sequence = 0, count = 0, queued[BUFFERS], first = 0, waiting = 0;
static void *memory[BUFFERS];

static int plugged(void) { return access(getenv("FAKE_PLUG"), F_OK) == 0; }

static int stalled(void) {
    char text[16] = {0};
    FILE *file = fopen(getenv("FAKE_PLUG"), "r");
    if (!file) return 0;
    if (!fgets(text, sizeof text, file)) text[0] = 0;
    fclose(file);
    return strncmp(text, "stall", 5) == 0;
}

static int ours(const char *path) {
    const char *name = getenv("FAKE_VIDEO");
    return name && path && strcmp(path, name) == 0;
}

static int is_fake(int fd) {
    for (int i = 0; i < users; i++) if (fds[i] == fd) return 1;
    return 0;
}

static int plug_in(void) {
    if (!plugged()) { errno = ENODEV; return -1; }
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd >= 0 && users < 64) fds[users++] = fd;
    return fd;
}

static int open_as(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    return ours(path) ? plug_in() : real(path, flags, mode);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, int); va_end(rest); \
        return open_as(#name, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
OPEN(__open_2)
OPEN(__open64_2)

int close(int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "close");
    for (int i = 0; i < users; i++) if (fds[i] == fd) { fds[i] = fds[--users]; break; }
    if (fd == owner) owner = -1, count = 0;
    return real(fd);
}

static void *map(void *at, size_t size, int protection, int flags, int fd, off_t where, const char *name) {
    void *(*real)(void *, size_t, int, int, int, off_t) = (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, name);
    if (!is_fake(fd)) return real(at, size, protection, flags, fd, where);
    void *got = real(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory[where / 4096 % BUFFERS] = got;
    return got;
}

void *mmap(void *at, size_t size, int p, int f, int fd, off_t where) { return map(at, size, p, f, fd, where, "mmap"); }
void *mmap64(void *at, size_t size, int p, int f, int fd, off_t where) { return map(at, size, p, f, fd, where, "mmap64"); }

static int run(int fd, int on) {
    struct itimerspec pace = {{0, on ? 33333333 : 0}, {0, on ? 33333333 : 0}};
    return timerfd_settime(fd, 0, &pace, 0);
}

static unsigned pixel_format(void) { return getenv("FAKE_JPEGS") ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV; }

static unsigned load_jpeg(unsigned number, unsigned char *to, unsigned room) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%u", getenv("FAKE_JPEGS"), number);
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    unsigned length = fread(to, 1, room, file);
    fclose(file);
    return length;
}

static void describe(struct v4l2_format *format, unsigned width, unsigned height) {
    struct v4l2_pix_format *pix = &format->fmt.pix;
    pix->width = width, pix->height = height, pix->pixelformat = pixel_format(), pix->field = V4L2_FIELD_NONE;
    pix->bytesperline = width * 2, pix->sizeimage = width * height * 2, pix->colorspace = V4L2_COLORSPACE_SRGB;
}

static int refuse(int error) { errno = error; return -1; }

static int give(int fd, struct v4l2_buffer *buffer) {
    unsigned long long due;
    if (read(fd, &due, sizeof due) < 0 || !waiting) return refuse(EAGAIN);
    unsigned index = queued[first++ % BUFFERS];
    waiting--;
    sequence += due;
    if (stalled()) run(fd, 0); /* this one is the last */
    unsigned char *pixels = memory[index];
    unsigned used = width * height * 2;
    if (getenv("FAKE_JPEGS")) {
        static unsigned number = 0;
        used = load_jpeg(number++, pixels, used);
        if (!used) used = load_jpeg(0, pixels, width * height * 2), number = 1;
    } else {
        memset(pixels, 128, used);
        for (unsigned i = 0; i < width * height; i++) pixels[2 * i] = 50 + sequence % 150;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    buffer->index = index, buffer->bytesused = used, buffer->sequence = sequence;
    buffer->flags = V4L2_BUF_FLAG_MAPPED | V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->length = width * height * 2, buffer->memory = V4L2_MEMORY_MMAP, buffer->field = V4L2_FIELD_NONE;
    buffer->timestamp.tv_sec = now.tv_sec, buffer->timestamp.tv_usec = now.tv_nsec / 1000;
    return 0;
}

static int answer(int fd, unsigned long request, void *data) {
    if (!plugged()) return refuse(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *able = data;
        memset(able, 0, sizeof *able);
        strcpy((char *)able->driver, "fake"), strcpy((char *)able->card, "Fake fundus camera");
        able->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        able->capabilities = able->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *kind = data;
        if (kind->index) return refuse(EINVAL);
        kind->pixelformat = pixel_format();
        return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: {
        struct v4l2_frmsizeenum *size = data;
        if (size->index > 1 || size->pixel_format != pixel_format()) return refuse(EINVAL);
        size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
        size->discrete.width = size->index ? 1280 : 640, size->discrete.height = size->index ? 720 : 480;
        return 0;
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
        struct v4l2_frmivalenum *pace = data;
        if (pace->index) return refuse(EINVAL);
        pace->type = V4L2_FRMIVAL_TYPE_DISCRETE, pace->discrete.numerator = 1, pace->discrete.denominator = 30;
        return 0;
    }
    case VIDIOC_G_FMT: describe(data, width, height); return 0;
    case VIDIOC_TRY_FMT:
    case VIDIOC_S_FMT: {
        struct v4l2_format *format = data;
        int large = format->fmt.pix.width >= 1280;
        if (request == VIDIOC_S_FMT && count) return refuse(EBUSY);
        if (request == VIDIOC_S_FMT) width = large ? 1280 : 640, height = large ? 720 : 480;
        describe(format, large ? 1280 : 640, large ? 720 : 480);
        return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_streamparm *parameters = data;
        parameters->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
        parameters->parm.capture.timeperframe.numerator = 1, parameters->parm.capture.timeperframe.denominator = 30;
        return 0;
    }
    case VIDIOC_G_INPUT: *(int *)data = 0; return 0;
    case VIDIOC_S_INPUT: return 0;
    case VIDIOC_ENUMINPUT: {
        struct v4l2_input *input = data;
        if (input->index) return refuse(EINVAL);
        input->type = V4L2_INPUT_TYPE_CAMERA;
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *buffers = data;
        if (buffers->memory != V4L2_MEMORY_MMAP) return refuse(EINVAL);
        if (buffers->count && owner >= 0 && owner != fd) return refuse(EBUSY);
        owner = buffers->count ? fd : -1;
        count = buffers->count = buffers->count > BUFFERS ? BUFFERS : buffers->count;
        first = waiting = 0;
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = data;
        if (buffer->index >= count) return refuse(EINVAL);
        buffer->length = width * height * 2, buffer->m.offset = buffer->index * 4096;
        return 0;
    }
    case VIDIOC_QBUF: queued[(first + waiting++) % BUFFERS] = ((struct v4l2_buffer *)data)->index; return 0;
    case VIDIOC_DQBUF: return give(fd, data);
    case VIDIOC_STREAMON: return run(fd, 1);
    case VIDIOC_STREAMOFF: first = waiting = 0; return run(fd, 0);
    default: return refuse(EINVAL);
    }
}

int ioctl(int fd, unsigned long request, ...) {
    int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    va_list rest;
    va_start(rest, request);
    void *data = va_arg(rest, void *);
    va_end(rest);
    return is_fake(fd) ? answer(fd, request & 0xFFFFFFFF, data) : real(fd, request, data);
}
