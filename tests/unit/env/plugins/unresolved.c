/* unresolved.c - a library that cannot be loaded: what it calls is nowhere. */
int nowhere_to_be_found(void);
int reverie_env(void);

int reverie_env(void)
{
    return nowhere_to_be_found();
}
