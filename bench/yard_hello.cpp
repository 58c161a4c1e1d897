// Yardstick: what a dynamically linked C++ program costs that does nothing but speak.
#include <iostream>

int main() { std::cout << "hello\n"; }
