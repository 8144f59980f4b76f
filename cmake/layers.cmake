# The architecture, stated once.  Each folder lists the folders it may include;
# ounce_library() links exactly these and check_layers.cmake enforces the rest.
set(OUNCE_FOLDERS core kernels model text formats runtime calibrate verify prune
                  quantize compress)
set(OUNCE_USES_core)
set(OUNCE_USES_kernels core)
set(OUNCE_USES_model core)
set(OUNCE_USES_text core)
set(OUNCE_USES_formats core model)
set(OUNCE_USES_runtime core kernels model)
set(OUNCE_USES_calibrate core kernels model runtime)
set(OUNCE_USES_verify core kernels model text runtime)
set(OUNCE_USES_prune core kernels model calibrate)
set(OUNCE_USES_quantize core kernels model calibrate)
set(OUNCE_USES_compress core kernels model text formats runtime calibrate
                        verify prune quantize)
