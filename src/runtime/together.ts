/**
 * Waits until all of the loops have ended. When one fails, `abort` is to end the others; rejects with the first
 * failure once they have.
 */
export async function together(loops: readonly Promise<unknown>[], abort: () => void): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  const settled = loops.map((loop) =>
    loop.catch((error: unknown) => {
      failure ??= { error };
      abort();
    }),
  );
  await Promise.all(settled);
  if (failure !== undefined) throw failure.error;
}
