/* libvips in process, as the misses bench measures it. One picture made several times, then one line of figures:
 *
 *   worker FILE WIDTH HEIGHT SAVE REPEAT OUT
 *
 * HEIGHT 0: by width alone. SAVE is libvips's own suffix with options, such as ".jpg[Q=80]".
 * Prints: CPU ms a picture, bytes, peak KB over idle. One thread, no cache of operations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <vips/vips.h>

static double cpu_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static long status_kb(const char *field)
{
    char line[256];
    long kb = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, field, strlen(field)) == 0)
            kb = atol(line + strlen(field));
    if (status)
        fclose(status);
    return kb;
}

int main(int argc, char **argv)
{
    if (argc != 7 || VIPS_INIT(argv[0]))
        return 2;
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    int width = atoi(argv[2]), height = atoi(argv[3]), repeat = atoi(argv[5]);
    gchar *original;
    gsize length;
    if (!g_file_get_contents(argv[1], &original, &length, NULL))
        return 2;
    const char *load = g_str_has_suffix(argv[1], ".gif") ? "[n=-1]" : "";
    long idle = status_kb("VmRSS:");
    double before = cpu_ms();
    size_t size = 0;
    for (int turn = 0; turn < repeat; turn++) {
        VipsImage *picture;
        void *bytes;
        if (vips_thumbnail_buffer(original, length, &picture, width, "height", height ? height : 10000000,
                "size", VIPS_SIZE_DOWN, "option_string", load, NULL) ||
            vips_image_write_to_buffer(picture, argv[4], &bytes, &size, NULL)) {
            fprintf(stderr, "%s", vips_error_buffer());
            return 1;
        }
        if (turn == 0)
            g_file_set_contents(argv[6], bytes, size, NULL);
        g_free(bytes);
        g_object_unref(picture);
    }
    printf("%f %zu %ld\n", (cpu_ms() - before) / repeat, size, status_kb("VmHWM:") - idle);
    return 0;
}
