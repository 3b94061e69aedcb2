/** Puts a theme in force: 0 follows the system, 1 is light, 2 dark. */
export function applyTheme(theme: number): void {
  document.documentElement.style.colorScheme = theme === 1 ? "light" : theme === 2 ? "dark" : "light dark";
}
