#include "view/gl.h"

#include "base/memory.h"

#include <dlfcn.h>
#include <GL/osmesa.h>
#include <stdlib.h>

struct rv_gl {
    void *library;
    OSMesaContext context;
    void (*destroy)(OSMesaContext);
    unsigned char surface[64]; /* of one pixel */
};

typedef OSMesaContext create_context(GLenum, GLint, GLint, GLint, OSMesaContext);
typedef GLboolean make_current(OSMesaContext, void *, GLenum, GLsizei, GLsizei);
typedef void destroy_context(OSMesaContext);

/* functions are looked up as data: POSIX promises that this works, ISO C does not know of it */
typedef union symbol {
    void *data;
    create_context *create;
    make_current *current;
    destroy_context *destroy;
} symbol;

static rv_status start(rv_gl *gl)
{
    /* for all to see: libmujoco looks in the process for the functions of the context that is there */
    gl->library = dlopen("libOSMesa.so.8", RTLD_NOW | RTLD_GLOBAL);
    RV_CHECK(gl->library, RV_E_UNAVAILABLE,
             "pictures of MuJoCo tasks need OSMesa; run: apt-get install libosmesa6 (or launch/install-deps show); %s",
             dlerror());
    symbol create = {.data = dlsym(gl->library, "OSMesaCreateContextExt")};
    symbol current = {.data = dlsym(gl->library, "OSMesaMakeCurrent")};
    symbol destroy = {.data = dlsym(gl->library, "OSMesaDestroyContext")};
    RV_CHECK(create.data && current.data && destroy.data, RV_E_UNAVAILABLE, "libOSMesa.so.8 lacks a function");
    gl->destroy = destroy.destroy;
    gl->context = create.create(OSMESA_RGBA, 24, 8, 0, NULL);
    RV_CHECK(gl->context, RV_E_UNAVAILABLE, "OSMesa gives no context");
    RV_CHECK(current.current(gl->context, gl->surface, GL_UNSIGNED_BYTE, 1, 1), RV_E_UNAVAILABLE,
             "OSMesa does not make its context the present one");
    return RV_OK;
}

rv_status rv_gl_create(rv_gl **out)
{
    rv_gl *gl = NULL;
    RV_TRY(RV_NEW(gl, 1));
    /* one thread of the renderer, unless asked otherwise: it takes all cores */
    setenv("LP_NUM_THREADS", "1", 0);
    rv_status status = start(gl);
    if (status != RV_OK)
        rv_gl_destroy(&gl);
    else
        *out = gl;
    return status;
}

void rv_gl_destroy(rv_gl **gl)
{
    if (!*gl)
        return;
    if ((*gl)->context)
        (*gl)->destroy((*gl)->context);
    /* the library stays: the renderer's threads may not have left it yet */
    rv_mem_free(gl);
}
