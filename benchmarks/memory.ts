export async function measureMemory(print: (text: string) => void): Promise<void> {
  print('');
}
